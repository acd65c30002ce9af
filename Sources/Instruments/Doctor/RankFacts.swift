import Datasets
import DeepRFM
import Files
import Glibc
import LinearAlgebra
import MPI
import Runtime

/// What a rank knows of itself and its host: what the doctor judges by.
public struct RankFacts: Sendable, Equatable {
  public var host = ""
  /// The rank's place among those of its host, and how many they are.
  public var placeOnHost = 0
  public var ranksOnHost = 1
  public var version = ""
  /// Of the program's own file; empty where it cannot be read.
  public var programDigest = ""
  public var mpiLibrary = ""
  public var blasLibrary = ""
  /// Who started it; empty: nobody.
  public var launcher = ""
  /// OpenBLAS's kernels, the better ones that this processor has (empty: none), and whether the user's environment chose.
  public var kernels = ""
  public var betterKernels = ""
  public var kernelsForced = false
  public var threads = 1
  public var boundCores: [Int] = []
  /// Cores of the host.
  public var hostCores = 1
  /// Bytes that the host or the rank's container can still give, and the limit of the process (ulimit -v); 0: none.
  public var freeBytes = 0
  public var processLimit = 0
  /// What is wrong with the data, and what is in its folder; empty: nothing, or not asked for.
  public var dataError = ""
  public var dataDigest = ""
  /// Why ranks of this host may not read each other's memory; empty: they may.
  var crossMemoryError = ""
  /// Bytes free in /dev/shm.
  public var sharedBytes = 0
  /// The host's networks but the loopback, with commas between.
  public var interfaces = ""
  /// Seconds since 1970.
  public var clock = 0.0

  public init() {}
}

extension RankFacts {
  /// *Collective.* Looks around.
  init(_ options: DoctorOptions, kernelsForced: Bool, world: Communicator) throws {
    let node = try world.splitByNode()
    let surveyed = try Host(surveying: world, threads: options.threads)
    host = surveyed.name
    placeOnHost = node.rank
    ranksOnHost = node.size
    version = Runtime.version
    programDigest = (try? Fingerprint(ofFile: "/proc/self/exe")).map { "\($0.bytes) \($0.crc32)" } ?? ""
    mpiLibrary = MPILibrary.version
    blasLibrary = BLAS.configuration
    launcher = Launcher.ofThisProcess?.kind.rawValue ?? ""
    crossMemoryError = try node.crossMemoryError()
    sharedBytes = SharedMemory.freeBytes ?? 0
    interfaces = NetworkInterface.all.filter { !$0.isLoopback }.map(\.description).joined(separator: ",")
    kernels = surveyed.coreName
    betterKernels =
      BLAS.recommendedCoreType(
        current: kernels, features: Processor.features, userChoice: nil, alreadyTried: false) ?? ""
    self.kernelsForced = kernelsForced
    threads = surveyed.threads
    boundCores = surveyed.boundCores
    hostCores = Processor.hostCores()
    freeBytes = Memory.available
    processLimit = Memory.processLimit ?? 0
    if let dataset = options.dataset { (dataError, dataDigest) = Self.look(at: dataset, options.data) }
    try world.barrier()
    clock = Self.now
  }

  /// *Local.* What is wrong with a data set, or else a digest of what is there.
  private static func look(at dataset: DatasetName, _ folder: String?) -> (error: String, digest: String) {
    do {
      let open = try Dataset.open(dataset, directory: folder, seed: 0)
      let sizes = "\(open.train.sampleCount) \(open.test?.sampleCount ?? 0) \(open.train.featureCount)"
      return ("", sizes + " " + (try folder.map(Self.digest) ?? ""))
    } catch {
      return ((error as? any RankError)?.sentence ?? "\(error)", "")
    }
  }

  /// Bytes taken of each file's beginning: enough to tell one set from another without reading all of it.
  private static let sample = 1 << 16

  /// *Local.* Of the names, sizes and beginnings of a folder's files, one level deep. Throws `FileError`.
  public static func digest(ofFolder path: String) throws -> String {
    var sum = Checksum()
    for name in try Folder.names(in: path).sorted() where !name.hasPrefix(".") {
      // Folders and pipes are no data.
      guard let file = try? InputFile("\(path)/\(name)") else { continue }
      sum.add(Array("\(name) \(file.size) ".utf8))
      sum.add(try file.beginning(sample))
    }
    return sum.text
  }

  private static var now: Double {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}

// MARK: - As JSON: how it travels between the ranks

extension RankFacts {
  private static let texts: [(String, WritableKeyPath<Self, String> & Sendable)] = [
    ("host", \.host), ("version", \.version), ("programDigest", \.programDigest), ("mpiLibrary", \.mpiLibrary),
    ("blasLibrary", \.blasLibrary), ("blasKernels", \.kernels), ("betterKernels", \.betterKernels),
    ("launcher", \.launcher), ("crossMemoryError", \.crossMemoryError), ("interfaces", \.interfaces),
    ("dataError", \.dataError), ("dataDigest", \.dataDigest),
  ]
  private static let counts: [(String, WritableKeyPath<Self, Int> & Sendable)] = [
    ("placeOnHost", \.placeOnHost), ("ranksOnHost", \.ranksOnHost), ("threads", \.threads), ("hostCores", \.hostCores),
    ("freeBytes", \.freeBytes), ("sharedBytes", \.sharedBytes), ("processLimit", \.processLimit),
  ]

  public var json: JSON {
    var members = Self.texts.map { JSON.Member($0.0, .string(self[keyPath: $0.1])) }
    members += Self.counts.map { JSON.Member($0.0, JSON(self[keyPath: $0.1])) }
    members.append(JSON.Member("boundCores", .array(boundCores.map { JSON($0) })))
    members.append(JSON.Member("kernelsForced", .bool(kernelsForced)))
    members.append(JSON.Member("clock", JSON(clock)))
    return .object(members)
  }

  /// What `json` wrote; what is missing keeps its default.
  public init(json: JSON) {
    for (name, property) in Self.texts { if case .string(let text)? = json[name] { self[keyPath: property] = text } }
    for (name, property) in Self.counts {
      if case .number(let text)? = json[name], let value = Int(text) { self[keyPath: property] = value }
    }
    if case .array(let cores)? = json["boundCores"] {
      boundCores = cores.compactMap { if case .number(let text) = $0 { Int(text) } else { nil } }
    }
    kernelsForced = json["kernelsForced"] == .bool(true)
    if case .number(let text)? = json["clock"] { clock = Double(text) ?? 0 }
  }

  /// *Collective.* Every rank's facts on rank 0, in their order; nil elsewhere.
  func gathered(_ world: Communicator) throws -> [RankFacts]? {
    try world.gather(Array(json.line.utf8), to: 0)?.map { RankFacts(json: try JSON(parsing: $0)) }
  }
}
