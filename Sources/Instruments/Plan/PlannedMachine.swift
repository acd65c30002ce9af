import Files
import LinearAlgebra
import MPI
import Runtime

/// The machine that a plan is for, as far as the options tell, and what is measured of the one that plan runs on.
struct PlannedMachine {
  let host: Host
  let world: Communicator
  /// Of the run to be.
  let ranks, nodes, threads: Int

  /// *Collective.* What is nil is as plan itself runs.
  init(ranks: Int?, nodes: Int?, threads: Int?, _ host: Host, _ world: Communicator) throws {
    (self.host, self.world) = (host, world)
    let hosts = try world.sum(host.placeOnNode == 0 ? 1 : 0)
    let (allRanks, allNodes) = (ranks ?? world.size, nodes ?? (ranks == nil ? hosts : 1))
    // As the run would: a rank's share of its node's cores.
    let cores = world.size > 1 ? Processor.hostCores() : host.boundCores.count
    let asItIs = allRanks == world.size && allNodes == hosts
    (self.ranks, self.nodes) = (allRanks, allNodes)
    // Hosts may differ: every rank plans for the one with the most threads, whose workspaces are the largest.
    self.threads = try world.maximum(threads ?? (asItIs ? host.threads : max(1, cores * allNodes / allRanks)))
  }

  /// Throws `InputError` unless each node has as many ranks as any other.
  static func check(nodes: Int?, ranks: Int) throws(InputError) {
    guard let nodes else { return }
    guard nodes <= ranks, ranks % nodes == 0 else {
      throw InputError("--ranks \(ranks) on --nodes \(nodes): as many ranks are needed on each node")
    }
  }

  /// Ranks beside each other on a node.
  var ranksOnNode: Int { max(1, ranks / nodes) }

  /// *Collective.* What the program itself takes, before any data: its libraries have set themselves up once BLAS has worked.
  func programBytes<T: Scalar>(_ type: T.Type) throws -> Int {
    let a: Matrix<T> = noise(512, 512)
    let c = Matrix<T>(rows: 512, columns: 512)
    ThreadPool(count: threads).multiply(a.view, a.view, into: c.view)
    return try world.maximum(Memory.used)
  }

  /// *Collective.* Measured between the ranks that there are; what the user says wins.
  /// - Parameters:
  ///   - latency: microseconds.
  ///   - bandwidth: GB/s.
  func network(latency: Double?, bandwidth: Double?) throws -> Network {
    var network = Network.ethernet
    let node = try world.splitByNode()
    let inside = try NetworkProbe(measuring: node, repetitions: 3)
    if try world.minimum(node.size) > 1 {
      network.localLatency = try world.maximum(inside.latency)
      network.localBandwidth = try world.minimum(inside.bandwidth)
    }
    if world.size > node.size {
      let between = try NetworkProbe(measuring: world, repetitions: 3)
      (network.latency, network.bandwidth) = (between.latency, between.bandwidth)
    }
    if let latency { network.latency = latency * 1e-6 }
    if let bandwidth { network.bandwidth = bandwidth * 1e9 }
    return network
  }

  /// What is taken for true of the machine, rather than measured.
  func assumptions(latency: Double?, bandwidth: Double?) -> [String] {
    guard nodes > 1 else { return [] }
    let isMeasured = host.ranksOnNode != world.size || (latency != nil && bandwidth != nil)
    let assumed = "30 us and 1.25 GB/s between nodes (--network-latency, --network-bandwidth)"
    return (isMeasured ? [] : [assumed]) + ["every node is like this one"]
  }
}
