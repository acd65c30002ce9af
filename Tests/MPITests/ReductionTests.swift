import Testing

/// What the reductions have to give, on any rank count: rank r brings r + 1, so the sum is P (P + 1) / 2.
@Suite(.serialized) struct ReductionTests {
  @Test func oneValueOfEachType() throws {
    let world = try TestWorld.all
    let total = world.size * (world.size + 1) / 2
    #expect(try world.sum(world.rank + 1) == total)
    #expect(try world.sum(Float(world.rank + 1)) == Float(total))
    #expect(try world.sum(Double(world.rank + 1)) == Double(total))
    #expect(try world.sum(Int32(world.rank + 1)) == Int32(total))
    #expect(try world.sum(UInt64(world.rank + 1)) == UInt64(total))
    #expect(try world.sum(UInt8(world.rank + 1)) == UInt8(total))
    #expect(try world.maximum(Double(world.rank)) == Double(world.size - 1))
    #expect(try world.minimum(Double(-world.rank)) == Double(1 - world.size))
  }

  @Test func integersBeyond32Bits() throws {
    let world = try TestWorld.all
    #expect(try world.sum(1 << 40) == world.size << 40)
    #expect(try world.maximum(UInt64.max - UInt64(world.rank)) == UInt64.max)
  }

  @Test func arraysAndBuffers() throws {
    let world = try TestWorld.all
    var values = (0..<100).map { Float($0 * (world.rank + 1)) }
    try world.sum(&values)
    let total = Float(world.size * (world.size + 1) / 2)
    #expect(values == (0..<100).map { Float($0) * total })

    var largest = [world.rank, -world.rank]
    try world.maximum(&largest)
    #expect(largest == [world.size - 1, 0])

    var smallest = [world.rank, -world.rank]
    try smallest.withUnsafeMutableBufferPointer { try world.minimum($0) }
    #expect(smallest == [0, 1 - world.size])
  }

  @Test func nothingToSum() throws {
    let world = try TestWorld.all
    var empty: [Double] = []
    try world.sum(&empty)
    try world.sum(UnsafeMutableBufferPointer<Float>(start: nil, count: 0))
    #expect(empty.isEmpty)
  }

  @Test(arguments: [1, 3, 7, 100]) func moreThanOneCallCounts(countLimit: Int) throws {
    let world = try TestWorld.counting(atMost: countLimit)
    var values = (0..<23).map { Double($0 + world.rank) }
    try world.sum(&values)
    let ranks = world.size * (world.size - 1) / 2
    #expect(values == (0..<23).map { Double($0 * world.size + ranks) })
  }

  /// Numbers whose sum depends on the order of adding: the order must not change, nor differ between ranks.
  @Test func sameBitsAgainAndEverywhere() throws {
    let world = try TestWorld.all
    let values = (0..<5000).map { (place: Int) -> Float in
      let step: Int = (place * 7919 + world.rank * 104_729) % 10_007
      return Float(1 / (1 + Double(step)))
    }
    var first = values
    try world.sum(&first)
    for _ in 0..<5 {
      var again = values
      try world.sum(&again)
      #expect(again == first)
    }
    var root = first
    try world.broadcast(&root, from: 0)
    #expect(root == first)
  }
}
