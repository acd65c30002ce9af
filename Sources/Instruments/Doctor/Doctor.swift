import Files
import Glibc
import KernelMachine
import MPI
import Runtime

/// *Collective.* Looks at this host, or under mpirun at every host, and prints from rank 0 what is well and what is not, with the
/// mend. `failed` if something would keep `train` from running.
/// - Parameter kernelsForced: the user's own environment chose OpenBLAS's kernels.
public func doctor(_ options: DoctorOptions, kernelsForced: Bool, world: Communicator) throws -> ExitStatus {
  let facts = try RankFacts(options, kernelsForced: kernelsForced, world: world).gathered(world)
  let network = world.size > 1 ? try NetworkProbe(measuring: world, repetitions: 3) : nil
  let sums = try SumsProbe.finding(world)
  var failed = 0
  if let facts {
    let findings =
      Diagnosis(facts, options, network: network, output: OutputCheck.finding(options.output)).findings
      + [sums].compactMap(\.self)
    standardOutput(options.json ? report(findings, facts, network).line + "\n" : table(findings))
    failed = findings.contains { $0.verdict == .fail } ? 1 : 0
  }
  return try world.broadcast(failed, from: 0) == 0 ? .done : .failed
}

/// A line a finding, its mend below it.
private func table(_ findings: [HostFinding]) -> String {
  findings.map { finding in
    let head = padded(finding.verdict.rawValue, 6) + padded(finding.check, 9)
    return head + finding.text + "\n" + (finding.mend.map { padded("", 15) + "-> \($0)\n" } ?? "")
  }.joined()
}

private func padded(_ text: String, _ width: Int) -> String {
  text + String(repeating: " ", count: max(0, width - text.count))
}

private func report(_ findings: [HostFinding], _ facts: [RankFacts], _ network: NetworkProbe?) -> JSON {
  let verdicts = findings.map(\.verdict)
  let worst = verdicts.contains(.fail) ? "fail" : verdicts.contains(.warn) ? "warn" : "ok"
  var members = [
    JSON.Member("status", .string(worst)),
    JSON.Member(
      "checks",
      .array(
        findings.map {
          .object([
            JSON.Member("name", .string($0.check)), JSON.Member("status", .string($0.verdict.rawValue)),
            JSON.Member("text", .string($0.text)), JSON.Member("mend", $0.mend.map(JSON.string) ?? .null),
          ])
        })),
    JSON.Member("ranks", .array(facts.map(\.json))),
  ]
  if let network {
    members.append(
      JSON.Member(
        "network",
        .object([
          JSON.Member("latencySeconds", JSON(network.latency)),
          JSON.Member("bytesPerSecond", JSON(network.bandwidth)),
        ])))
  }
  return .object(members)
}

/// Whether a run could be written.
private enum OutputCheck {
  /// Less room on the disk than this is soon full.
  private static let room = 1 << 30

  /// *Local.* Writes a small file where the run directory would be made, and removes it.
  static func finding(_ output: String?) -> HostFinding {
    let path = output ?? "runs"
    do {
      if let output { try RunFolder.check(output) }
      let parent = Folder.nearestExisting(path)
      let probe = "\(parent)/.deeprfm-doctor-\(getpid())"
      defer { unlink(probe) }
      try OutputFile.replace(probe, with: [UInt8](repeating: 0, count: 4096))
      return judged(parent)
    } catch {
      let sentence = (error as? any RankError)?.sentence ?? "\(error)"
      return HostFinding("output", .fail, sentence, mend: "another --output, where you may write")
    }
  }

  private static func judged(_ folder: String) -> HostFinding {
    var status = statvfs()
    guard statvfs(folder, &status) == 0 else { return HostFinding("output", .ok, "\(folder) can be written") }
    let free = Int(status.f_bavail) * Int(status.f_frsize)
    let text = "\(folder) can be written, \(Format.bytes(free)) free"
    return free < room
      ? HostFinding("output", .warn, text, mend: "make room, or --output DIR on another disk")
      : HostFinding("output", .ok, text)
  }
}
