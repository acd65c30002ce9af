import Synchronization

/// What tests see of the matrices that are made: their bytes, and whether somebody reads what nobody wrote. Off, it costs a look at
/// one byte a matrix.
package enum MatrixWatch {
  /// What is done to each new matrix, and how many bytes were taken since counting began.
  private struct State {
    /// How many ask for it at the same time: tests run side by side.
    var poisoners = 0
    var counts = false
    var bytes = 0
    var largest = 0
  }

  private static let state = Mutex(State())
  private static let watching = Atomic<Bool>(false)

  static var isWatching: Bool { watching.load(ordering: .relaxed) }

  /// *Local.* While `body` runs every new matrix's memory is not a number: a result made of what nobody wrote shows.
  package static func poisoning<R>(_ body: () throws -> R) rethrows -> R {
    set { $0.poisoners += 1 }
    defer { set { $0.poisoners -= 1 } }
    return try body()
  }

  /// *Local.* Bytes of the matrices that all threads made while `body` ran, and of the largest of them. One at a time.
  package static func counting<R>(_ body: () throws -> R) rethrows -> (result: R, bytes: Int, largest: Int) {
    set { ($0.counts, $0.bytes, $0.largest) = (true, 0, 0) }
    defer { set { $0.counts = false } }
    let result = try body()
    let counted = state.withLock { ($0.bytes, $0.largest) }
    return (result, counted.0, counted.1)
  }

  private static func set(_ change: (inout State) -> Void) {
    state.withLock { state in
      change(&state)
      watching.store(state.poisoners > 0 || state.counts, ordering: .relaxed)
    }
  }

  /// *Local.* A matrix of so many bytes was made; its memory is not yet anybody's.
  static func made<T: Scalar>(_ bytes: Int, _ memory: UnsafeMutableBufferPointer<T>) {
    let poisons = state.withLock { state in
      if state.counts {
        state.bytes += bytes
        state.largest = max(state.largest, bytes)
      }
      return state.poisoners > 0
    }
    if poisons { memory.initialize(repeating: T.nan) }
  }
}
