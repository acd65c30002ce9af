import LinearAlgebra
import MPI
import Runtime

/// The sum over the ranks of a gradient that is still being made: parts are sent on their way as they become whole, from the last layer
/// to the first. One for a network.
///
/// The ranks' wishes to stop or to save go with the first part, as one more element of the gradient vector.
final class GradientSums<T: NetworkReal> {
  private let weights: NetworkWeights<T>
  private let context: Context
  private let requests = RequestGroup()
  /// What is whole and not yet on its way; the gradient vector's end is `sent`.
  private var sent = 0
  private var whole = 0

  /// Elements that are worth a message of their own.
  private static var bucket: Int { 1 << 16 }

  init(_ weights: NetworkWeights<T>, _ context: Context) {
    (self.weights, self.context) = (weights, context)
  }

  private var isAlone: Bool { context.world.size == 1 }

  /// *Local.* A new gradient begins.
  func begin(_ wish: Wish) {
    weights.gradients.pointer[weights.count] = T(wish.term)
    (sent, whole) = (weights.count + 1, weights.count)
  }

  /// *Collective.* This part is whole; it lies below the last one.
  func add(_ range: Range<Int>) throws {
    precondition(range.upperBound == whole, "parts of a gradient come from the last to the first")
    whole = range.lowerBound
    if isAlone { return }
    if sent - whole >= Self.bucket { try send() }
    try requests.progress()
  }

  private func send() throws {
    let part = UnsafeMutableBufferPointer(rebasing: weights.gradients.buffer[whole..<sent])
    try context.world.startSum(part, in: requests)
    sent = whole
  }

  /// *Collective.* Waits until all of it is summed. Returns the largest wish.
  func finish() throws -> Wish {
    if !isAlone {
      if sent > whole { try send() }
      try context.timer.measure(.exchange) { try requests.waitAll() }
    }
    return Wish(sum: Double(weights.gradients.pointer[weights.count]))
  }

  /// *Local.* Because of an error.
  func cancel() { requests.cancelAll() }
}
