import Foundation
import LinearAlgebra
import Testing

@Suite struct ThreadTeamTests {
  /// Counters that workers may write to, each its own.
  private final class Visits: @unchecked Sendable {
    let counts: Matrix<Double>
    init(_ count: Int) { counts = Matrix(rows: count, columns: 1) }
    func note(_ index: Int) { counts.pointer[index] += 1 }
    var all: [Double] { Array(counts.buffer) }
  }

  /// Sleeping and waking, and where threads look for a while before they sleep; now and then the caller is so late that they do.
  @Test(arguments: 1...4, [false, true]) func everyLaneOnce(count: Int, ownCores: Bool) {
    let pool = ThreadPool(count: count, ownCores: ownCores)
    let visits = Visits(count)
    for turn in 0..<1000 {
      if turn % 100 == 99 { usleep(2000) }
      pool.run { visits.note($0) }
    }
    #expect(visits.all == [Double](repeating: 1000, count: count))
  }

  @Test(arguments: 1...4, [0, 1, 2, 3, 7, 100]) func everyIndexOnce(count: Int, indices: Int) {
    let pool = ThreadPool(count: count)
    let visits = Visits(indices)
    let workers = Visits(indices)
    pool.forEach(5..<(5 + indices)) { index, worker in
      visits.note(index - 5)
      if worker != (index - 5) % count { workers.note(index - 5) }
    }
    #expect(visits.all == [Double](repeating: 1, count: indices))
    #expect(workers.all == [Double](repeating: 0, count: indices))
  }

  /// A worker that is late leaves its work to the others.
  @Test(arguments: 1...4, [0, 1, 2, 3, 7, 100]) func everyIndexOnceWhenFree(count: Int, indices: Int) {
    let pool = ThreadPool(count: count)
    let (visits, late) = (Visits(indices), Visits(count))
    pool.forEachWhenFree(5..<(5 + indices)) { index, worker in
      visits.note(index - 5)
      if worker == count - 1 {
        late.note(worker)
        usleep(20_000)
      }
    }
    #expect(visits.all == [Double](repeating: 1, count: indices))
    if count > 1 { #expect(late.all[count - 1] < 50) }
  }

  @Test(arguments: 1...4, [0, 1, 2, 3, 7, 100]) func partsCoverOnceInOrder(count: Int, total: Int) {
    let pool = ThreadPool(count: count)
    let visits = Visits(total)
    let owner = Visits(total)
    pool.forEachPart(of: total) { range, worker in
      for index in range {
        visits.note(index)
        owner.counts.pointer[index] = Double(worker)
      }
    }
    #expect(visits.all == [Double](repeating: 1, count: total))
    #expect(owner.all == owner.all.sorted())
  }

  /// Sums whose value depends on the order: the same bits for the same number of threads.
  @Test(arguments: 1...4) func sameBytesForTheSameCount(count: Int) {
    let values = Noise.matrix(10_007, 1, seed: 21, as: Float.self)
    func sum() -> Float {
      let pool = ThreadPool(count: count)
      let partial = Matrix<Float>(rows: count, columns: 1)
      pool.forEachPart(of: values.rows) { range, worker in
        for i in range { partial[worker, 0] += values[i, 0] * values[i, 0] }
      }
      return partial.buffer.reduce(0, +)
    }
    let first = sum()
    for _ in 0..<20 { #expect(sum().bitPattern == first.bitPattern) }
  }

  @Test func bodyFailuresComeBackAndTheTeamGoesOn() {
    struct Failure: Error {}
    let pool = ThreadPool(count: 3)
    #expect(throws: Failure.self) { try pool.withThreadedLAPACK(order: 1000) { throw Failure() } }
    let visits = Visits(3)
    pool.run { visits.note($0) }
    #expect(visits.all == [1, 1, 1])
  }

  @Test(arguments: [1, 3]) func converts(count: Int) {
    let a = Noise.matrix(5, 7, seed: 41, as: Double.self)
    let narrow = ThreadPool(count: count).converted(a, to: Float.self)
    #expect(narrow.rows == 5 && (0..<35).allSatisfy { narrow.pointer[$0] == Float(a.pointer[$0]) })
  }
}
