// swift-tools-version: 6.3
import PackageDescription

// A backtrace needs lines; more of debug information is a tenth of a release build's time.
let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6), .unsafeFlags(["-gline-tables-only"], .when(configuration: .release)),
]

// Below KernelMachine release builds inline across targets: a small public generic is ~15 times slower without it. From there on it would make
// every importer compile the same code again; what has loops of its own is marked @specialized (SE-0460).
let inlining: [SwiftSetting] =
  settings + [.unsafeFlags(["-cross-module-optimization"], .when(configuration: .release))]

// Tests are not optimised, which would make a build minutes longer: what they call is, and what loops over millions of numbers stands in
// TestSupport.
let plain: [SwiftSetting] = settings + [.unsafeFlags(["-Onone"], .when(configuration: .release))]

// The MPI to build with, by the name that pkg-config has for it: DEEPRFM_MPI=mpich, say.
let mpi = Context.environment["DEEPRFM_MPI"] ?? "ompi-c"

let package = Package(
  name: "DeepRFM",
  products: [
    .executable(name: "deeprfm", targets: ["deeprfm"])
  ],
  targets: [
    // C libraries. Each has one importer: see README, "The house".
    .systemLibrary(name: "CMPI", pkgConfig: mpi, providers: [.apt(["libopenmpi-dev"])]),
    .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .target(
      name: "CKernels",
      cSettings: [
        .unsafeFlags([
          "-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast", "-mprefer-vector-width=512",
        ])
      ]),
    .target(name: "CDigits", exclude: ["digits.bin"]),

    .target(name: "MPI", dependencies: ["CMPI"], swiftSettings: inlining),
    .target(name: "LinearAlgebra", dependencies: ["COpenBLAS", "CKernels"], swiftSettings: inlining),
    .target(name: "Files", dependencies: ["CZlib"], swiftSettings: inlining),
    .target(name: "Runtime", dependencies: ["Files", "MPI", "LinearAlgebra"], swiftSettings: inlining),
    .target(
      name: "Datasets", dependencies: ["Runtime", "Files", "MPI", "LinearAlgebra", "CDigits"], swiftSettings: inlining),
    .target(
      name: "Measures", dependencies: ["Datasets", "Runtime", "Files", "MPI", "LinearAlgebra"], swiftSettings: inlining),
    .target(name: "Solve", dependencies: ["Runtime", "LinearAlgebra"], swiftSettings: inlining),
    .target(
      name: "KernelMachine", dependencies: ["Solve", "Measures", "Runtime", "Files", "MPI", "LinearAlgebra"],
      swiftSettings: settings),
    .target(
      name: "DeepRFM",
      dependencies: ["KernelMachine", "Solve", "Measures", "Datasets", "Runtime", "Files", "MPI", "LinearAlgebra"],
      swiftSettings: settings),
    .target(
      name: "Network",
      dependencies: ["Measures", "Datasets", "Runtime", "Files", "MPI", "LinearAlgebra"], swiftSettings: settings),
    .target(
      name: "Collapse",
      dependencies: ["DeepRFM", "Network", "Measures", "Datasets", "Runtime", "Files", "MPI", "LinearAlgebra"],
      swiftSettings: settings),
    .target(
      name: "Report", dependencies: ["DeepRFM", "Network", "Measures", "Datasets", "Runtime", "Files"],
      swiftSettings: settings),
    .target(
      name: "Instruments",
      dependencies: [
        "DeepRFM", "Network", "KernelMachine", "Solve", "Measures", "Datasets", "Runtime", "Files", "MPI",
        "LinearAlgebra",
      ],
      swiftSettings: settings),
    .executableTarget(
      name: "deeprfm",
      dependencies: [
        "Instruments", "Report", "Collapse", "DeepRFM", "Network", "KernelMachine", "Measures", "Datasets", "Runtime",
        "Files",
        "MPI", "LinearAlgebra",
      ],
      swiftSettings: settings),

    // What tests of several targets share.
    .target(
      name: "TestSupport", dependencies: ["LinearAlgebra"], path: "Tests/TestSupport", swiftSettings: settings),
    .testTarget(name: "LinearAlgebraTests", dependencies: ["LinearAlgebra"], swiftSettings: plain),
    .testTarget(name: "FilesTests", dependencies: ["TestSupport", "Files"], swiftSettings: plain),
    .testTarget(
      name: "RuntimeTests", dependencies: ["TestSupport", "Runtime", "LinearAlgebra"], swiftSettings: plain),
    .testTarget(
      name: "MeasuresTests", dependencies: ["Measures", "Runtime", "LinearAlgebra"], swiftSettings: plain),
    .testTarget(
      name: "NetworkTests",
      dependencies: ["TestSupport", "Network", "Measures", "Datasets", "Runtime", "Files", "MPI", "LinearAlgebra"],
      swiftSettings: plain),
    .testTarget(
      name: "InstrumentsTests",
      dependencies: [
        "Instruments", "DeepRFM", "Network", "KernelMachine", "Measures", "Datasets", "Runtime", "Files",
        "LinearAlgebra",
      ],
      swiftSettings: plain),
    .testTarget(
      name: "DeepRFMTests",
      dependencies: [
        "TestSupport", "Instruments", "Report", "Collapse", "DeepRFM", "KernelMachine", "Solve", "Measures", "Datasets",
        "Runtime", "Files",
        "MPI", "LinearAlgebra", "CZlib",
      ],
      swiftSettings: plain),
    .testTarget(
      name: "ReportTests", dependencies: ["Report", "DeepRFM", "Network", "KernelMachine", "Runtime", "Files"],
      swiftSettings: plain),
    .testTarget(
      name: "MPITests",
      dependencies: [
        "TestSupport", "Instruments", "Collapse", "DeepRFM", "Network", "KernelMachine", "Solve", "Measures",
        "Datasets",
        "Runtime", "Files",
        "MPI",
        "LinearAlgebra",
      ],
      swiftSettings: plain),
  ]
)
