import Files
import Glibc
import MPI

extension OptionTable {
  /// *Collective.* Throws `InputError` if a rank runs another program than rank 0, or was given other options.
  /// - Parameter local: keys of options that may differ from rank to rank.
  public func agreeOnStart(_ options: Options, local: Set<String>, _ host: Host, _ world: Communicator) throws {
    guard world.size > 1 else { return }
    let program =
      (try? Fingerprint(ofFile: "/proc/self/exe")).map { "\(version), \($0.bytes) bytes, \($0.crc32)" } ?? version
    try requireSame(program, as: "runs another build of deeprfm", "copy one build to every host", host, world)
    guard case .object(let members) = json(options) else { return }
    let shared = JSON.object(members.filter { !local.contains($0.key) }).line
    try requireSame(shared, as: "was started with other options", "all ranks need the same", host, world)
  }

  /// Throws `InputError` naming an option that would make other results than those of a run that is to be gone on with.
  /// - Parameter free: names of options that may change between two parts of a run.
  public func expectSame(
    _ options: Options, asBegun before: Options, free: Set<String>, in run: String
  ) throws(InputError) {
    let first = self.options.first { option in
      guard !free.contains(option.name), let json = option.json else { return false }
      return json(options) != json(before)
    }
    guard let first, let json = first.json else { return }
    func words(_ options: Options) -> String {
      switch json(options) {
      case .null: "without --\(first.name)"
      case let value: "with --\(first.name) \(value.line.filter { $0 != "\"" })"
      }
    }
    throw InputError(
      "--resume: the run in \(run) was begun \(words(before)) and goes on with the same options only, not \(words(options))"
    )
  }
}

/// *Collective.* Throws `InputError` on all ranks, naming the first one whose text is not rank 0's.
private func requireSame(_ text: String, as difference: String, _ mend: String, _ host: Host, _ world: Communicator)
  throws
{
  let first = try world.broadcast(text, from: 0)
  try world.together {
    guard text == first else {
      throw InputError("rank \(world.rank) on \(host.name) \(difference) than rank 0: \(mend)")
    }
  }
}
