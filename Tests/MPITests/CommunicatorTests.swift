import MPI
import Testing

@Suite(.serialized) struct CommunicatorTests {
  @Test func ranksCountFromZero() throws {
    let world = try TestWorld.all
    #expect(try world.allGather([world.rank]).flatMap { $0 } == Array(0..<world.size))
  }

  @Test func splitIntoEvenAndOdd() throws {
    let world = try TestWorld.all
    let half = try world.split(color: world.rank % 2, key: world.rank)
    let members = stride(from: world.rank % 2, to: world.size, by: 2)
    #expect(half.size == members.reduce(0) { count, _ in count + 1 })
    #expect(half.rank == world.rank / 2)
    #expect(try half.sum(world.rank) == members.reduce(0, +))
  }

  @Test func keysReverseTheOrder() throws {
    let world = try TestWorld.all
    let reversed = try world.split(color: 0, key: -world.rank)
    #expect(reversed.rank == world.size - 1 - world.rank)
  }

  /// The test ranks all run on one host.
  @Test func oneNodeHoldsAll() throws {
    let world = try TestWorld.all
    let node = try world.splitByNode()
    #expect(node.size == world.size)
    #expect(node.rank == world.rank)
  }

  /// Two messages with one tag: each arrives in the communicator in which it was sent, whatever the order.
  @Test func messagesStayInTheirCommunicator() throws {
    let world = try TestWorld.all
    let twin = try world.duplicate()
    #expect(twin.size == world.size && twin.rank == world.rank)
    let next = (world.rank + 1) % world.size
    let previous = (world.rank + world.size - 1) % world.size
    let first = [1]
    let second = [2]
    try first.withUnsafeBufferPointer { first in
      try second.withUnsafeBufferPointer { second in
        let sends = RequestGroup()
        sends.add(try world.startSend(first, to: next, tag: 0))
        sends.add(try twin.startSend(second, to: next, tag: 0))
        var inTwin = [0]
        var inWorld = [0]
        try twin.receive(&inTwin, from: previous, tag: 0)
        try world.receive(&inWorld, from: previous, tag: 0)
        try sends.waitAll()
        #expect(inTwin == [2])
        #expect(inWorld == [1])
      }
    }
  }

  @Test func startingTwiceIsAnError() throws {
    _ = try TestWorld.all
    #expect(throws: MPIError.self) { try withMPI { _ in } }
  }

  @Test func anErrorOfMPIIsThrown() throws {
    let world = try TestWorld.all
    let error = #expect(throws: MPIError.self) { try world.send([1], to: world.size, tag: 0) }
    #expect(error?.function == "MPI_Send")
    #expect(error?.code != 0)
    // "MPI_ERR_RANK: invalid rank" of Open MPI, "Invalid rank, error stack: ..." of MPICH.
    #expect(error?.message.lowercased().contains("invalid rank") == true)
  }
}
