import Glibc
import MPI
import Testing

/// All ranks of this test process. MPI starts with the first test that asks, and ends when the process exits.
///
/// Tests are collective: every rank runs every test, in the same order (`--no-parallel`). So each passes on any rank count;
/// `launch/test` runs them on 1, 2, 3 and 4.
enum TestWorld {
  private static let started = Result {
    let world = try startMPI()
    atexit { try? endMPI() }
    return world
  }

  static var all: Communicator {
    get throws { try started.get() }
  }

  /// Of a rank, in most tests: two where they do not hinder each other, on several ranks of a small machine.
  static func threads(of world: Communicator) -> Int { world.size > 2 ? 1 : 2 }

  /// The same ranks, but MPI counts at most `countLimit` elements a call: the path of large counts, taken early.
  static func counting(atMost countLimit: Int) throws -> Communicator {
    var world = try all
    world.countLimit = countLimit
    return world
  }
}
