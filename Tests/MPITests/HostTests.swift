import LinearAlgebra
import Runtime
import Testing

@Suite(.serialized) struct HostTests {
  @Test func ranksBesideEachOtherShareTheCores() throws {
    let world = try TestWorld.all
    let host = try Host(surveying: world)
    #expect(host.ranksOnNode == world.size)
    #expect(host.boundCores == Processor.boundCores())
    #expect(!host.name.isEmpty && !host.coreName.isEmpty)
    #expect(host.threads >= 1)
    // All ranks' cores together: no more threads than cores, unless each rank has just its one.
    let cores = Set(try world.allGather(host.boundCores).joined()).count
    #expect(try world.sum(host.threads) <= max(cores, world.size))
  }

  @Test func theUsersThreadsWin() throws {
    #expect(try Host(surveying: TestWorld.all, threads: 7).threads == 7)
  }
}
