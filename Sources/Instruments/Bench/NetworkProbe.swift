import LinearAlgebra
import MPI
import Runtime

/// Messages between neighbours round the ring of ranks, as the program sends them: every second pair at a time, all of these
/// at once.
public struct NetworkProbe: Sendable, Equatable {
  /// Seconds one way of a message of 8 bytes; the slowest pair's.
  var latency: Double
  /// Bytes a second of messages of 16 MiB; the slowest pair's.
  var bandwidth: Double
  /// The first rank of the pair with the least bandwidth, whose other one is the next round the ring.
  public var slowestPair = 0

  public init(latency: Double, bandwidth: Double) {
    self.latency = latency
    self.bandwidth = bandwidth
  }

  /// *Collective.* Medians of `repetitions` measurements. On one rank there is no message: no latency, no limit.
  init(measuring world: Communicator, repetitions: Int) throws {
    self.init(latency: 0, bandwidth: .infinity)
    guard world.size > 1 else { return }
    let short = try Self.seconds(world, repetitions, words: 1, count: 200)
    let words = 2 << 20
    let long = try Self.seconds(world, repetitions, words: words, count: 4)
    latency = short.max() ?? 0
    for (first, seconds) in long.enumerated() where seconds > 0 && Double(8 * words) / seconds < bandwidth {
      bandwidth = Double(8 * words) / seconds
      slowestPair = first
    }
  }

  /// *Collective.* Seconds of one message one way between each rank and the next, by the first of the two.
  private static func seconds(
    _ world: Communicator, _ repetitions: Int, words: Int, count: Int
  ) throws -> [Double] {
    let buffer = Matrix<Double>(rows: 1, columns: words)
    let (ranks, rank) = (world.size, world.rank)
    let before = (rank + ranks - 1) % ranks
    // Neighbouring pairs take turns; where the ring is odd the pair that closes it needs one of its own.
    func turn(_ first: Int) -> Int { ranks % 2 == 1 && first == ranks - 1 ? 2 : first % 2 }
    var own = 0.0
    for now in 0..<(2 + ranks % 2) {
      var times: [Double] = []
      // The first time connects.
      for _ in 0...repetitions {
        try world.barrier()
        let start = monotonicSeconds()
        if turn(rank) == now { try play(world, (rank + 1) % ranks, buffer.buffer, count, serves: true) }
        if turn(before) == now { try play(world, before, buffer.buffer, count, serves: false) }
        times.append((monotonicSeconds() - start) / Double(2 * count))
      }
      if turn(rank) == now { own = median(of: Array(times.dropFirst())) }
    }
    return try world.allGather([own]).map { $0[0] }
  }

  /// *Local, blocking.* Ping and pong.
  private static func play(
    _ world: Communicator, _ peer: Int, _ buffer: UnsafeMutableBufferPointer<Double>, _ count: Int, serves: Bool
  ) throws {
    for _ in 0..<count {
      if serves { try world.send(UnsafeBufferPointer(buffer), to: peer, tag: MessageTag.probe.rawValue) }
      try world.receive(buffer, from: peer, tag: MessageTag.probe.rawValue)
      if !serves { try world.send(UnsafeBufferPointer(buffer), to: peer, tag: MessageTag.probe.rawValue) }
    }
  }
}
