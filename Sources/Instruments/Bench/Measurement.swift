import MPI
import Runtime

/// *Collective.* Takes times on all ranks at once. Work and its limits are measured in turn, so that a change of the machine's
/// mood meets them all, and each figure is the median of its measurements.
struct Measurement {
  let world: Communicator
  let repetitions: Int

  /// One figure to take: what it is called by is its place in the list.
  typealias Take = () throws -> Double

  /// *Collective.* The medians of some figures, taken in turn.
  func alternate(_ figures: [Take]) throws -> [Double] {
    var values = figures.map { _ in [Double]() }
    for _ in 0..<repetitions {
      for (k, take) in figures.enumerated() { values[k].append(try take()) }
    }
    return values.map(median(of:))
  }

  /// *Collective.* The slowest rank's seconds for work that begins on all ranks together.
  func seconds(_ body: () throws -> Void) throws -> Double {
    try world.maximum(try ownSeconds(body))
  }

  /// *Collective.* What all ranks do in a second, at the same time, of work that has so many units on each.
  func rate(units: Double, _ body: () throws -> Void) throws -> Double {
    try world.sum(units / (try ownSeconds(body)))
  }

  private func ownSeconds(_ body: () throws -> Void) throws -> Double {
    try world.barrier()
    let start = monotonicSeconds()
    try body()
    return max(1e-9, monotonicSeconds() - start)
  }
}

/// The middle value; of two middle ones the mean. *Local.*
func median(of values: [Double]) -> Double {
  guard !values.isEmpty else { return .nan }
  let sorted = values.sorted()
  return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
}
