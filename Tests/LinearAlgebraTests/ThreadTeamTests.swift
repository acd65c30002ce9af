import Foundation
import LinearAlgebra
import Testing

@Suite struct ThreadTeamTests {
  /// Counters that lanes may write to, each its own.
  private final class Visits: @unchecked Sendable {
    let counts: Matrix<Double>
    init(_ count: Int) { counts = Matrix(rows: count, columns: 1) }
    func note(_ index: Int) { counts.pointer[index] += 1 }
    var all: [Double] { Array(counts.buffer) }
  }

  /// Sleeping and waking, and where threads look for a while before they sleep; now and then the caller is so late that they do.
  @Test(arguments: 1...4, [false, true]) func everyLaneOnce(count: Int, ownCores: Bool) {
    let team = ThreadTeam(count: count, ownCores: ownCores)
    let visits = Visits(count)
    for turn in 0..<1000 {
      if turn % 100 == 99 { usleep(2000) }
      team.run { visits.note($0) }
    }
    #expect(visits.all == [Double](repeating: 1000, count: count))
  }

  @Test(arguments: 1...4, [0, 1, 2, 3, 7, 100]) func everyIndexOnce(count: Int, indices: Int) {
    let team = ThreadTeam(count: count)
    let visits = Visits(indices)
    let lanes = Visits(indices)
    team.forEach(5..<(5 + indices)) { index, lane in
      visits.note(index - 5)
      if lane != (index - 5) % count { lanes.note(index - 5) }
    }
    #expect(visits.all == [Double](repeating: 1, count: indices))
    #expect(lanes.all == [Double](repeating: 0, count: indices))
  }

  /// A lane that is late leaves its work to the others.
  @Test(arguments: 1...4, [0, 1, 2, 3, 7, 100]) func everyIndexOnceWhenFree(count: Int, indices: Int) {
    let team = ThreadTeam(count: count)
    let (visits, late) = (Visits(indices), Visits(count))
    team.forEachWhenFree(5..<(5 + indices)) { index, lane in
      visits.note(index - 5)
      if lane == count - 1 {
        late.note(lane)
        usleep(20_000)
      }
    }
    #expect(visits.all == [Double](repeating: 1, count: indices))
    if count > 1 { #expect(late.all[count - 1] < 50) }
  }

  @Test(arguments: 1...4, [0, 1, 2, 3, 7, 100]) func partsCoverOnceInOrder(count: Int, total: Int) {
    let team = ThreadTeam(count: count)
    let visits = Visits(total)
    let owner = Visits(total)
    team.forEachPart(of: total) { range, lane in
      for index in range {
        visits.note(index)
        owner.counts.pointer[index] = Double(lane)
      }
    }
    #expect(visits.all == [Double](repeating: 1, count: total))
    #expect(owner.all == owner.all.sorted())
  }

  /// Sums whose value depends on the order: the same bits for the same number of threads.
  @Test(arguments: 1...4) func sameBytesForTheSameCount(count: Int) {
    let values = Noise.matrix(10_007, 1, seed: 21, as: Float.self)
    func sum() -> Float {
      let team = ThreadTeam(count: count)
      let partial = Matrix<Float>(rows: count, columns: 1)
      team.forEachPart(of: values.rows) { range, lane in
        for i in range { partial[lane, 0] += values[i, 0] * values[i, 0] }
      }
      return partial.buffer.reduce(0, +)
    }
    let first = sum()
    for _ in 0..<20 { #expect(sum().bitPattern == first.bitPattern) }
  }

  @Test func bodyFailuresComeBackAndTheTeamGoesOn() {
    struct Failure: Error {}
    let team = ThreadTeam(count: 3)
    #expect(throws: Failure.self) { try team.withThreadedLAPACK(order: 1000) { throw Failure() } }
    let visits = Visits(3)
    team.run { visits.note($0) }
    #expect(visits.all == [1, 1, 1])
  }

  @Test(arguments: [1, 3]) func converts(count: Int) {
    let a = Noise.matrix(5, 7, seed: 41, as: Double.self)
    let narrow = ThreadTeam(count: count).converted(a, to: Float.self)
    #expect(narrow.rows == 5 && (0..<35).allSatisfy { narrow.pointer[$0] == Float(a.pointer[$0]) })
  }
}
