import Synchronization

/// Bytes of all matrices that live in this process, and the most there were at once: what a plan of memory is compared with. *Local.*
///
/// Elements alone: what the allocator adds, and what it keeps (see `LargeBlocks`), is not in it.
public enum MatrixMemory {
  private static let now = Atomic<Int>(0)
  private static let highest = Atomic<Int>(0)

  /// Of the matrices that live now.
  public static var bytes: Int { now.load(ordering: .relaxed) }

  /// The most there were at once since the last `reset`.
  public static var most: Int { highest.load(ordering: .relaxed) }

  /// Begins to look for the most anew.
  public static func reset() { highest.store(bytes, ordering: .relaxed) }

  /// Counts a matrix that comes, or, with a negative number, goes.
  static func add(_ bytes: Int) {
    let sum = now.wrappingAdd(bytes, ordering: .relaxed).newValue
    if sum > most { highest.max(sum, ordering: .relaxed) }
  }
}
