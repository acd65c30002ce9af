import LinearAlgebra
import MPI
import Runtime
import Testing

/// Work that rank 0 does while the others sleep.
@Suite(.serialized) struct RankZeroAloneTests {
  private struct Refusal: RankError, Equatable {
    let exitStatus: Int32 = 1
    let sentence = "no"
  }

  @Test func onlyRankZeroHasTheResult() throws {
    let world = try TestWorld.all
    let context = Context(world: world, host: Host(threads: 1))
    for k in 0..<3 { #expect(try context.onRankZeroAlone { k } == (world.rank == 0 ? k : nil)) }
  }

  @Test func allRanksHaveItsError() throws {
    let world = try TestWorld.all
    let context = Context(world: world, host: Host(threads: 1))
    if world.rank == 0 {
      #expect(throws: Refusal()) { try context.onRankZeroAlone { () throws -> Int in throw Refusal() } }
    } else {
      let error = #expect(throws: RemoteError.self) { try context.onRankZeroAlone { 1 } }
      #expect(error?.rank == 0 && error?.sentence == "no")
    }
  }

  /// The ranks of a host know what they have together, and a thread's binding is given back.
  @Test func coresOfAHost() throws {
    let world = try TestWorld.all
    let host = try Host(surveying: world, threads: 1)
    #expect(host.threadsOnNode >= 1 && host.threadsOnNode <= max(1, host.ranksOnNode))
    let own = Processor.bindingMask()
    #expect(zip(own, host.processorsOnNode).allSatisfy { $0 & ~$1 == 0 })
    Processor.with(bindingMask: host.processorsOnNode) {
      #expect(host.processorsOnNode.isEmpty || Processor.bindingMask() == host.processorsOnNode)
    }
    #expect(Processor.bindingMask() == own)
  }
}
