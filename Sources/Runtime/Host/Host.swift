import Glibc
import LinearAlgebra
import MPI

/// Where a rank runs, and with how many threads.
public struct Host: Sendable, Equatable {
  /// The host's own name.
  public let name: String
  /// The kernels OpenBLAS runs here, such as "SkylakeX".
  public let coreName: String
  /// The cores this rank may run on.
  public let boundCores: [Int]
  /// This rank's place among those of its host, from 0.
  public let placeOnNode: Int
  /// How many ranks run on this host.
  public let ranksOnNode: Int
  /// How many threads this rank runs.
  public let threads: Int
  /// Whether the ranks of this host have a core for every thread.
  let ownsItsCores: Bool
  /// Threads of all ranks of this host, no more than their cores; and the processors that these ranks are bound to, a bit each, empty where
  /// that is not known: for work that one of them does while the others sleep.
  public let threadsOnNode: Int
  public let processorsOnNode: [UInt64]

  /// *Collective.* Looks at the cores this rank is bound to and at the ranks beside it.
  ///
  /// - Parameter threads: the user's choice; nil: the rank's share of its cores.
  ///
  /// The corresponding C functions are `MPI_Comm_split_type` and `MPI_Allgatherv`.
  public init(surveying world: Communicator, threads: Int? = nil) throws {
    let node = try world.splitByNode()
    let cores = try node.allGather(Processor.boundCores())
    name = Self.ownName()
    coreName = BLAS.kernelName
    boundCores = cores[node.rank]
    placeOnNode = node.rank
    ranksOnNode = node.size
    self.threads = threads ?? Processor.threads(forRank: node.rank, boundCores: cores)
    let (all, held) = (try node.sum(self.threads), Set(cores.joined()).count)
    ownsItsCores = all <= held
    threadsOnNode = max(self.threads, min(all, held))
    let masks = try node.allGather(Processor.bindingMask().map { Int(bitPattern: UInt($0)) })
    let isKnown = masks.allSatisfy { !$0.isEmpty && $0.count == masks[0].count }
    processorsOnNode =
      isKnown ? masks[0].indices.map { k in masks.reduce(0) { $0 | UInt64(UInt(bitPattern: $1[k])) } } : []
  }

  /// *Local.* The same host for a rank of other threads.
  public func with(threads: Int) -> Host { Host(like: self, threads: threads) }

  private init(like other: Host, threads: Int) {
    (name, coreName, boundCores) = (other.name, other.coreName, other.boundCores)
    (placeOnNode, ranksOnNode, ownsItsCores) = (other.placeOnNode, other.ranksOnNode, other.ownsItsCores)
    (threadsOnNode, processorsOnNode) = (max(threads, other.threadsOnNode), other.processorsOnNode)
    self.threads = threads
  }

  /// *Collective.* Why this run's threads would wait for each other, in the words of the first rank that has a reason: they have fewer
  /// cores than they are; nil: they have not.
  public func threadWarning(_ world: Communicator) throws -> String? {
    let all = try world.allGather(Array((ownThreadWarning(world.rank) ?? "").utf8))
    return all.first { !$0.isEmpty }.map { String(decoding: $0, as: UTF8.self) }
  }

  private func ownThreadWarning(_ rank: Int) -> String? {
    let cores = boundCores.count
    if cores > 0, threads > cores {
      let found = "\(threads) threads on \(cores) core\(cores == 1 ? "" : "s")"
      return "rank \(rank) on \(name) has \(found), which take turns: mpirun --bind-to none or "
        + "--map-by slot:PE=\(threads) where it was bound, --threads \(cores) where there are no more"
    }
    if placeOnNode == 0, cores > 0, !ownsItsCores {
      return "the \(ranksOnNode) ranks on \(name) have more threads together than cores, which take turns: "
        + "fewer ranks, or fewer --threads"
    }
    return nil
  }

  /// *Local.* Nothing is known but the threads: for tests and checks.
  public init(threads: Int) {
    (name, coreName, boundCores) = (Self.ownName(), BLAS.kernelName, [])
    (placeOnNode, ranksOnNode, ownsItsCores) = (0, 1, false)
    (threadsOnNode, processorsOnNode) = (threads, [])
    self.threads = threads
  }

  static func ownName() -> String {
    var name = [CChar](repeating: 0, count: 257)
    guard gethostname(&name, 256) == 0 else { return "unknown" }
    return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}
