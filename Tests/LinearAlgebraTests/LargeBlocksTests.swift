import LinearAlgebra
import Testing

@Suite struct LargeBlocksTests {
  private let blocks = LargeBlocks()
  private let page = LargeBlocks.page

  @Test func startAtAPage() {
    for bytes in [2 * page, 2 * page + 1, 5 * page - 64] {
      let block = blocks.take(bytes)
      #expect(UInt(bitPattern: block) % UInt(page) == 0)
      block.initializeMemory(as: UInt8.self, repeating: 7, count: bytes)
      blocks.give(block)
    }
  }

  /// Marks, at random, that no other block's use may change.
  @Test func blocksInUseAreDisjoint() {
    let random = RandomStream(seed: 3, layer: 0, purpose: .probe)
    var used: [(pointer: UnsafeMutablePointer<UInt8>, bytes: Int, mark: UInt8)] = []
    for step in 0..<200 {
      let draw = random.uniform(row: step, column: 0)
      if used.count > 6 || (draw < 0.4 && !used.isEmpty) {
        let block = used.remove(at: Int(random.uniform(row: step, column: 1) * Double(used.count)))
        #expect(stride(from: 0, to: block.bytes, by: 4096).allSatisfy { block.pointer[$0] == block.mark })
        #expect(block.pointer[block.bytes - 1] == block.mark)
        blocks.give(block.pointer)
      } else {
        let bytes = 2 * page + Int(draw * 6 * Double(page))
        let pointer = blocks.take(bytes).bindMemory(to: UInt8.self, capacity: bytes)
        for k in stride(from: 0, to: bytes, by: 4096) { pointer[k] = UInt8(step) }
        pointer[bytes - 1] = UInt8(step)
        used.append((pointer, bytes, UInt8(step)))
      }
    }
    used.forEach { blocks.give($0.pointer) }
  }

  @Test func freedBlockServesAgain() {
    let first = blocks.take(8 * page)
    blocks.give(first)
    #expect(blocks.keptBytes == 8 * page)
    // A smaller one too, if not much smaller; what lies behind it is the system's again.
    let second = blocks.take(5 * page)
    #expect(second == first && blocks.keptBytes == 0)
    blocks.give(second)
    #expect(blocks.keptBytes == 5 * page)
    #expect(blocks.take(2 * page) != first)
    #expect(blocks.keptBytes == 5 * page)
    let whole = blocks.take(8 * page)
    #expect(whole == first)
  }

  /// Bytes in use and kept never exceed the most that were in use.
  @Test func keepsNoMoreThanThePeakHeld() {
    let random = RandomStream(seed: 4, layer: 0, purpose: .probe)
    var used: [(pointer: UnsafeMutableRawPointer, bytes: Int)] = []
    var (inUse, most, kept) = (0, 0, 0)
    for step in 0..<300 {
      if used.count > 5 || (step % 3 == 2 && !used.isEmpty) {
        let block = used.remove(at: Int(random.uniform(row: step, column: 1) * Double(used.count)))
        inUse -= block.bytes
        blocks.give(block.pointer)
      } else {
        let bytes = (2 + Int(random.uniform(row: step, column: 0) * 9)) * page
        used.append((blocks.take(bytes), bytes))
        inUse += bytes
        most = max(most, inUse)
      }
      kept = max(kept, blocks.keptBytes)
      #expect(inUse + blocks.keptBytes <= most, "step \(step)")
    }
    #expect(kept > 0)
    used.forEach { blocks.give($0.pointer) }
  }
}
