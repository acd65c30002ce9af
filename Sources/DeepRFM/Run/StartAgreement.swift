import Files
import Glibc
import KernelMachine
import MPI
import Runtime

/// *Collective.* Throws `InputError` if a rank runs another program than rank 0, or was given other options.
func agreeOnStart(_ options: TrainOptions, _ host: Host, _ world: Communicator) throws {
  guard world.size > 1 else { return }
  let program =
    (try? Fingerprint(ofFile: "/proc/self/exe")).map { "\(version), \($0.bytes) bytes, \($0.crc32)" } ?? version
  try expectSame(program, as: "runs another build of deeprfm", "copy one build to every host", host, world)
  let local: Set = ["data", "memory", "threads", "quiet", "checkpointEvery", "timeLimit"]
  guard case .object(let members) = TrainOptions.table.json(options) else { return }
  let shared = JSON.object(members.filter { !local.contains($0.key) }).line
  try expectSame(shared, as: "was started with other options", "all ranks need the same", host, world)
}

/// *Collective.* Throws `InputError` on all ranks, naming the first one whose text is not rank 0's.
private func expectSame(_ text: String, as difference: String, _ mend: String, _ host: Host, _ world: Communicator)
  throws
{
  let first = try world.broadcast(text, from: 0)
  try world.together {
    guard text == first else {
      throw InputError("rank \(world.rank) on \(host.name) \(difference) than rank 0: \(mend)")
    }
  }
}
