import CZlib
import Glibc
import MPI

/// *Collective.* Throws `InputError` if a rank runs another program than rank 0, or was given other options.
func agreeOnStart(_ options: TrainOptions, _ host: Host, _ world: Communicator) throws {
  guard world.size > 1 else { return }
  let program =
    (try? File.fingerprint("/proc/self/exe")).map { "\(version), \($0.bytes) bytes, \($0.crc32)" } ?? version
  try expectSame(program, as: "runs another build of deeprfm", "copy one build to every host", host, world)
  let local: Set = ["data", "memory", "threads", "quiet", "checkpointEvery", "timeLimit"]
  guard case .object(let members) = TrainOptions.table.json(options) else { return }
  let shared = JSON.object(members.filter { !local.contains($0.key) }).line
  try expectSame(shared, as: "was started with other options", "all ranks need the same", host, world)
}

extension Dataset {
  /// Rows of each split that are compared between the ranks.
  private static let probes = 500

  /// *Collective.* Throws `InputError` if a rank's files hold other sizes, labels or, of some hundred rows spread over each split,
  /// other values than rank 0's. Each rank reads its own rows from its own host's files: of two versions no sensible run can be made.
  func agree(_ options: TrainOptions, _ host: Host, _ world: Communicator) throws {
    guard world.size > 1 && options.dataset.needsData else { return }
    let summary = try world.together {
      try [train, test].map { try $0.map(Self.summary) ?? "none" }.joined(separator: "; ")
    }
    let place = options.data.map { " in \($0)" } ?? ""
    try expectSame(summary, as: "has other data\(place)", "every host needs the same files", host, world)
  }

  private static func summary(_ reader: any SampleReader) throws -> String {
    let count = reader.sampleCount
    var sums = [try reader.labels(first: count).withUnsafeBytes { crc($0) }]
    let step = max(1, count / probes)
    let indices = Array(stride(from: 0, to: count, by: step)) + [count - 1]
    var rows = [UInt](repeating: 0, count: indices.count)
    try reader.readRows(indices) { position, values in rows[position] = crc(UnsafeRawBufferPointer(values)) }
    sums.append(rows.withUnsafeBytes { crc($0) })
    return "\(count) x \(reader.featureCount), \(sums)"
  }

  private static func crc(_ bytes: UnsafeRawBufferPointer) -> UInt {
    guard let base = bytes.bindMemory(to: UInt8.self).baseAddress else { return 0 }
    return crc32_z(0, base, bytes.count)
  }
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
