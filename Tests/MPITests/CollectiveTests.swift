import Testing

@Suite(.serialized) struct CollectiveTests {
  @Test func broadcastFromEveryRank() throws {
    let world = try TestWorld.all
    for root in 0..<world.size {
      var values = [Double](repeating: Double(world.rank), count: 11)
      try values.withUnsafeMutableBufferPointer { try world.broadcast($0, from: root) }
      #expect(values == [Double](repeating: Double(root), count: 11))
      #expect(try world.broadcast(world.rank, from: root) == root)
    }
  }

  @Test func broadcastMakesTheLengthsAgree() throws {
    let world = try TestWorld.all
    for root in 0..<world.size {
      var values = [Int32](repeating: Int32(world.rank), count: 3 * world.rank)
      try world.broadcast(&values, from: root)
      #expect(values == [Int32](repeating: Int32(root), count: 3 * root))
    }
  }

  @Test func broadcastText() throws {
    let world = try TestWorld.all
    let root = world.size - 1
    #expect(try world.broadcast(world.rank == root ? "µ ≥ 0" : "other", from: root) == "µ ≥ 0")
    #expect(try world.broadcast(world.rank == root ? "" : "other", from: root) == "")
  }

  @Test(arguments: [1, 4, 10]) func broadcastMoreThanOneCallCounts(countLimit: Int) throws {
    let world = try TestWorld.counting(atMost: countLimit)
    let expected = (0..<43).map { Float(100 * countLimit + $0) }
    var values = world.rank == 0 ? expected : []
    try world.broadcast(&values, from: 0)
    #expect(values == expected)
  }

  /// Rank r brings 3 r values: rank 0 none.
  @Test(arguments: [1, 5, Int(Int32.max)]) func gatherUnequalCounts(countLimit: Int) throws {
    let world = try TestWorld.counting(atMost: countLimit)
    let expected = (0..<world.size).map { rank in (0..<3 * rank).map { Double(100 * rank + $0) } }
    let mine = expected[world.rank]
    for root in 0..<world.size {
      let gathered = try world.gather(mine, to: root)
      #expect(gathered == (world.rank == root ? expected : nil))
    }
    #expect(try world.allGather(mine) == expected)
  }

  @Test func gatherNothing() throws {
    let world = try TestWorld.all
    let nothing = [[UInt8]](repeating: [], count: world.size)
    #expect(try world.allGather([UInt8]()) == nothing)
    #expect(try world.gather([UInt8](), to: 0) == (world.rank == 0 ? nothing : nil))
  }

  /// Fewer elements than ranks: only the last rank has one.
  @Test func gatherOneElement() throws {
    let world = try TestWorld.all
    let mine = world.rank == world.size - 1 ? [UInt64.max] : []
    let gathered = try world.allGather(mine)
    #expect(gathered.flatMap { $0 } == [UInt64.max])
    #expect(gathered.last == [UInt64.max])
  }

  @Test func barrier() throws {
    try TestWorld.all.barrier()
  }
}
