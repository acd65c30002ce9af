import MPI
import Testing

private struct BadInput: RankError, Equatable {
  let sentence: String
  var exitStatus: Int32 { 2 }
}

private struct Unnamed: Error, CustomStringConvertible {
  let description = "it broke"
}

@Suite(.serialized) struct AgreementTests {
  @Test func nobodyFails() throws {
    let world = try TestWorld.all
    #expect(try world.together { world.rank * 2 } == world.rank * 2)
  }

  /// Each rank fails in turn: it throws its own error, the others one that says the same.
  @Test func oneRankFails() throws {
    let world = try TestWorld.all
    for failing in 0..<world.size {
      let error = #expect(throws: (any Error).self) {
        try world.together { if world.rank == failing { throw BadInput(sentence: "a file of rank \(failing)") } }
      }
      #expect((error as? any RankError)?.exitStatus == 2)
      #expect((error as? any RankError)?.sentence == "a file of rank \(failing)")
      #expect((error as? RemoteError)?.rank == (world.rank == failing ? nil : failing))
    }
  }

  @Test func allFailAndTheLowestSpeaks() throws {
    let world = try TestWorld.all
    let error = #expect(throws: (any Error).self) {
      try world.together { throw BadInput(sentence: "rank \(world.rank)") }
    }
    #expect((error as? any RankError)?.sentence == "rank 0")
    #expect((error is BadInput) == (world.rank == 0))
  }

  /// An error of all ranks is told by rank 0; one that some have as their own by the lowest of these; no error by none.
  @Test func oneRankSpeaks() throws {
    let world = try TestWorld.all
    let own = BadInput(sentence: "all alike")
    let remote = RemoteError(rank: 0, exitStatus: 2, sentence: "elsewhere")
    #expect(try world.speaks(of: own) == (world.rank == 0))
    #expect(try world.speaks(of: remote) == (world.rank == 0))
    for first in 0..<world.size {
      #expect(try world.speaks(of: world.rank >= first ? own : remote) == (world.rank == first))
    }
  }

  @Test func anyOtherErrorHasStatusOne() throws {
    let world = try TestWorld.all
    let last = world.size - 1
    let error = #expect(throws: (any Error).self) {
      try world.together { if world.rank == last { throw Unnamed() } }
    }
    if world.rank == last {
      #expect(error is Unnamed)
    } else {
      #expect(error as? RemoteError == RemoteError(rank: last, exitStatus: 1, sentence: "it broke"))
    }
  }

  /// The ranks still agree on what comes next.
  @Test func theRanksGoOnAfterAFailure() throws {
    let world = try TestWorld.all
    try? world.together { if world.rank == 0 { throw Unnamed() } }
    #expect(try world.sum(1) == world.size)
  }
}
