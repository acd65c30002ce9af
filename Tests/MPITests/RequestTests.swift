import MPI
import Testing

/// Messages round the ring of ranks. (A request waited for twice is not tested: `request.wait(); request.wait()` does not
/// compile, because the first wait consumes it.)
@Suite(.serialized) struct RequestTests {
  /// Every rank sends `count` numbers to the next while it receives from the previous one.
  private func passRound(
    _ world: Communicator, count: Int, _ complete: (consuming Request, consuming Request) throws -> Void
  ) throws {
    let next = (world.rank + 1) % world.size
    let previous = (world.rank + world.size - 1) % world.size
    let mine = (0..<count).map { Double($0 + 1000 * world.rank) }
    var arrived = [Double](repeating: -1, count: count)
    try mine.withUnsafeBufferPointer { mine in
      try arrived.withUnsafeMutableBufferPointer { arrived in
        let receive = try world.startReceive(arrived, from: previous, tag: 3)
        let send = try world.startSend(mine, to: next, tag: 3)
        try complete(receive, send)
      }
    }
    #expect(arrived == (0..<count).map { Double($0 + 1000 * previous) })
  }

  @Test(arguments: [0, 1, 10, 100_000]) func waiting(count: Int) throws {
    try passRound(try TestWorld.all, count: count) { receive, send in
      try receive.wait()
      try send.wait()
    }
  }

  @Test func testing() throws {
    try passRound(try TestWorld.all, count: 50_000) { receive, send in
      var receive = receive
      while try !receive.test() {}
      let stillThrough = try receive.test()
      #expect(stillThrough)
      try receive.wait()
      var send = send
      while try !send.test() {}
    }
  }

  @Test(arguments: [1, 4, 100]) func messagesMoreThanOneCallCounts(countLimit: Int) throws {
    try passRound(try TestWorld.counting(atMost: countLimit), count: 1234) { receive, send in
      try receive.wait()
      try send.wait()
    }
  }

  @Test func groups() throws {
    try passRound(try TestWorld.all, count: 50_000) { receive, send in
      let group = RequestGroup()
      #expect(group.add(receive) == 0)
      #expect(group.add(send) == 1)
      try group.wait(0)
      try group.wait(0)
      while try !group.progress() {}
      try group.waitAll()
      try group.waitAll()
      #expect(try group.progress())
    }
  }

  @Test func manyMessagesInOneGroup() throws {
    let world = try TestWorld.all
    var arrived = [Int](repeating: -1, count: 20 * world.size)
    let mine = (0..<20).map { 100 * world.rank + $0 }
    try mine.withUnsafeBufferPointer { mine in
      try arrived.withUnsafeMutableBufferPointer { arrived in
        let group = RequestGroup()
        for peer in 0..<world.size {
          for message in 0..<20 {
            let place = arrived.extracting(20 * peer + message..<20 * peer + message + 1)
            group.add(try world.startReceive(place, from: peer, tag: Int32(message)))
          }
        }
        for peer in 0..<world.size {
          for message in (0..<20).reversed() {
            group.add(try world.startSend(mine.extracting(message..<message + 1), to: peer, tag: Int32(message)))
          }
        }
        try group.progress()
        try group.wait(19)
        try group.waitAll()
      }
    }
    let expected: [Int] = (0..<world.size).flatMap { (peer: Int) -> [Int] in (0..<20).map { 100 * peer + $0 } }
    #expect(arrived == expected)
  }

  @Test func blockingSendAndReceive() throws {
    let world = try TestWorld.all
    guard world.size > 1 else { return }
    if world.rank == 0 {
      for peer in 1..<world.size { try world.send([Float(peer), 0.5], to: peer, tag: 9) }
    } else {
      var pair: [Float] = [0, 0]
      try world.receive(&pair, from: 0, tag: 9)
      #expect(pair == [Float(world.rank), 0.5])
    }
  }

  @Test(arguments: [2, 5]) func aMessageOfAnotherLengthIsAnError(sent: Int) throws {
    let world = try TestWorld.all
    let values = [Int32](repeating: 7, count: sent)
    try values.withUnsafeBufferPointer { values in
      let send = try world.startSend(values, to: world.rank, tag: 4)
      var place: [Int32] = [0, 0, 0]
      #expect(throws: MPIError.self) { try world.receive(&place, from: world.rank, tag: 4) }
      try send.wait()
    }
  }
}
