import LinearAlgebra

/// The order in which an epoch meets the samples: from (seed, epoch) alone, so that the rank count changes nothing.
package enum SampleOrder {
  /// A permutation of 0..<count (Fisher and Yates), in 32 bits: class-sorted positions. *Local.*
  /// - Parameter epoch: from 0.
  package static func drawn(count: Int, seed: UInt64, epoch: Int) -> [Int32] {
    let stream = RandomStream(seed: seed, layer: epoch, purpose: .sampleOrder)
    var order = (0..<Int32(count)).map { $0 }
    for i in stride(from: count - 1, to: 0, by: -1) {
      let (high, low, _, _) = stream.words(row: 0, column: i)
      // The upper half of a 128-bit product: uniform in 0...i but for i parts in 2^64.
      let j = Int((UInt64(high) << 32 | UInt64(low)).multipliedFullWidth(by: UInt64(i + 1)).high)
      order.swapAt(i, j)
    }
    return order
  }

  /// Whether it holds each of 0..<count once. *Local.*
  package static func isPermutation(_ order: [Int32], of count: Int) -> Bool {
    guard order.count == count else { return false }
    var seen = [Bool](repeating: false, count: count)
    for position in order {
      guard 0..<count ~= Int(position), !seen[Int(position)] else { return false }
      seen[Int(position)] = true
    }
    return true
  }
}
