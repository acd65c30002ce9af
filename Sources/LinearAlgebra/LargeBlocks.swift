import Glibc
import Synchronization

/// Memory of large matrices. What is freed is kept for the next ones: the system hands out cleared pages only (measured, on a virtual
/// machine: 1 GB/s, a quarter of the time in which kernel tiles are made).
///
/// What is used and what is kept together never exceed the most that was used at once, so that no peak is higher for it.
public final class LargeBlocks: Sendable {
  /// What all matrices use.
  public static let shared = LargeBlocks()

  /// Bytes of a large page of memory on the processors in use: blocks begin and end with one.
  public static let page = 2 << 20

  private struct Block {
    let address: UInt
    let capacity: Int
    /// Bytes from the start that the system may have given pages for.
    var touched: Int
  }

  private struct State {
    /// By address.
    var used: [UInt: Block] = [:]
    /// Oldest first.
    var kept: [Block] = []
    var usedBytes = 0
    var keptBytes = 0
    var mostBytes = 0
  }

  private let state = Mutex(State())

  public init() {}

  /// *Local.* Bytes that are kept for later matrices: in the process's size, and free for it.
  public var keptBytes: Int { state.withLock { $0.keptBytes } }

  /// *Local.* A block of so many bytes, not cleared, whose start is a page's.
  public func take(_ bytes: Int) -> UnsafeMutableRawPointer {
    let needed = (bytes + Self.page - 1) / Self.page * Self.page
    let address = state.withLock { state in
      let block = Self.reuse(needed, &state) ?? Self.make(needed, &state)
      state.used[block.address] = block
      state.usedBytes += needed
      state.mostBytes = max(state.mostBytes, state.usedBytes)
      return block.address
    }
    return UnsafeMutableRawPointer(bitPattern: address)!
  }

  /// *Local.* Takes a block back.
  public func give(_ pointer: UnsafeMutableRawPointer) {
    let address = UInt(bitPattern: pointer)
    state.withLock { state in
      guard let block = state.used.removeValue(forKey: address) else { preconditionFailure("no block in use") }
      state.usedBytes -= block.touched
      state.kept.append(block)
      state.keptBytes += block.touched
    }
  }

  /// The smallest kept block that is large enough, unless more than half of it would be given back: what lies behind goes to the system.
  private static func reuse(_ needed: Int, _ state: inout State) -> Block? {
    let fitting = state.kept.indices.filter {
      state.kept[$0].capacity >= needed && state.kept[$0].touched <= 2 * needed
    }
    guard let index = fitting.min(by: { state.kept[$0].capacity < state.kept[$1].capacity }) else { return nil }
    var block = state.kept.remove(at: index)
    state.keptBytes -= block.touched
    if block.touched > needed {
      madvise(UnsafeMutableRawPointer(bitPattern: block.address + UInt(needed)), block.touched - needed, MADV_DONTNEED)
    }
    block.touched = needed
    makeRoom(for: needed, &state)
    return block
  }

  private static func make(_ needed: Int, _ state: inout State) -> Block {
    makeRoom(for: needed, &state)
    let memory = UnsafeMutableRawPointer.allocate(byteCount: needed, alignment: Self.page)
    // They spare the kernel matrix's readers a miss in the address translation every 4 KiB.
    madvise(memory, needed, MADV_HUGEPAGE)
    return Block(address: UInt(bitPattern: memory), capacity: needed, touched: needed)
  }

  /// Frees the oldest kept blocks, until so many bytes more make no new peak or none are left.
  private static func makeRoom(for needed: Int, _ state: inout State) {
    while !state.kept.isEmpty && state.usedBytes + needed + state.keptBytes > state.mostBytes {
      let oldest = state.kept.removeFirst()
      state.keptBytes -= oldest.touched
      UnsafeMutableRawPointer(bitPattern: oldest.address)?.deallocate()
    }
  }
}
