// swift-tools-version: 6.1
import PackageDescription

// Release builds inline across modules: a public generic is ~15 times slower without it.
let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .unsafeFlags(["-cross-module-optimization"], .when(configuration: .release)),
]

let package = Package(
  name: "DeepRFM",
  products: [
    .executable(name: "deeprfm", targets: ["deeprfm"])
  ],
  targets: [
    // C libraries. Each has one importer: see README, "The house".
    .systemLibrary(name: "COpenMPI", pkgConfig: "ompi-c", providers: [.apt(["libopenmpi-dev"])]),
    .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .target(
      name: "CElementwise",
      cSettings: [
        .unsafeFlags([
          "-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast", "-mprefer-vector-width=512",
        ])
      ]),
    .target(name: "CDigits", exclude: ["digits.bin"]),

    .target(name: "MPI", dependencies: ["COpenMPI"], swiftSettings: settings),
    .target(name: "LinearAlgebra", dependencies: ["COpenBLAS", "CElementwise"], swiftSettings: settings),
    .target(name: "Files", dependencies: ["CZlib"], swiftSettings: settings),
    .target(name: "Runtime", dependencies: ["Files", "MPI", "LinearAlgebra"], swiftSettings: settings),
    .target(
      name: "DeepRFM", dependencies: ["Runtime", "Files", "MPI", "LinearAlgebra", "CDigits"],
      swiftSettings: settings),
    // Reads run directories through DeepRFM; knows neither MPI nor LinearAlgebra.
    .target(name: "Report", dependencies: ["DeepRFM", "Runtime", "Files"], swiftSettings: settings),
    .executableTarget(
      name: "deeprfm", dependencies: ["DeepRFM", "Runtime", "Files", "Report", "MPI", "LinearAlgebra"],
      swiftSettings: settings),

    .testTarget(name: "LinearAlgebraTests", dependencies: ["LinearAlgebra"], swiftSettings: settings),
    .testTarget(
      name: "DeepRFMTests", dependencies: ["DeepRFM", "Runtime", "Files", "LinearAlgebra", "MPI", "Report", "CZlib"],
      swiftSettings: settings),
    .testTarget(name: "ReportTests", dependencies: ["Report", "DeepRFM", "Runtime", "Files"], swiftSettings: settings),
    .testTarget(name: "MPITests", dependencies: ["DeepRFM", "Runtime", "Files", "LinearAlgebra", "MPI"], swiftSettings: settings),
  ]
)
