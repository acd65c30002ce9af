import KernelMachine
import LinearAlgebra
import MPI
import Runtime

/// One thing that was looked at.
public struct HostFinding: Sendable, Equatable {
  public enum Verdict: String, Sendable { case ok, warn, fail }

  /// What was looked at: "threads".
  public let check: String
  public let verdict: Verdict
  public let text: String
  /// What to do about it; nil: nothing.
  public let mend: String?

  public init(_ check: String, _ verdict: Verdict, _ text: String, mend: String? = nil) {
    self.check = check
    self.verdict = verdict
    self.text = text
    self.mend = mend
  }
}

/// What follows from the facts of all ranks. Pure: the same facts give the same findings.
public struct Diagnosis {
  let facts: [RankFacts]
  let options: DoctorOptions
  /// nil: one rank.
  let network: NetworkProbe?
  /// What rank 0 found of the output folder.
  let output: HostFinding

  public init(_ facts: [RankFacts], _ options: DoctorOptions, network: NetworkProbe?, output: HostFinding) {
    self.facts = facts
    self.options = options
    self.network = network
    self.output = output
  }

  public var findings: [HostFinding] {
    program + launch + kernels + threads + memory + data + networkFindings + clock + [output]
  }

  // MARK: Programs and libraries

  private var program: [HostFinding] {
    let where_ = facts.count == 1 ? "" : ", the same on all \(facts.count) ranks"
    if let text = difference(\.version, "versions") {
      return [HostFinding("program", .fail, "deeprfm's \(text)", mend: "build the same commit on every host")]
    }
    var findings: [HostFinding] = []
    if let text = difference(\.programDigest, "files of the program") {
      findings.append(
        HostFinding(
          "program", .warn, "one version, but \(text)", mend: "copy one build to every host, or build one commit on all"
        ))
    } else {
      findings.append(HostFinding("program", .ok, "deeprfm \(facts[0].version)" + where_))
    }
    for (property, name, mend) in [
      (\RankFacts.mpiLibrary, "MPI", "install one version of Open MPI on every host"),
      (
        \RankFacts.blasLibrary, "BLAS",
        "install one version of OpenBLAS on every host: results differ in their last digits"
      ),
    ] {
      let text = difference(property, "versions")
      findings.append(
        text.map { HostFinding(name, .warn, "\(name)'s \($0)", mend: mend) }
          ?? HostFinding(name, .ok, facts[0][keyPath: property] + where_))
    }
    return findings
  }

  /// "versions differ: 0.1.0 (host a), 0.2.0 (host b)"; nil: all are equal.
  private func difference(_ property: KeyPath<RankFacts, String>, _ name: String) -> String? {
    let values = facts.map { $0[keyPath: property] }
    guard Set(values).count > 1 else { return nil }
    let groups = Set(values).sorted().map { value in
      let text = value.isEmpty ? "unknown" : value
      return "\(text) (\(places { $0[keyPath: property] == value }))"
    }
    return "\(name) differ: " + groups.joined(separator: ", ")
  }

  // MARK: Kernels

  private var kernels: [HostFinding] {
    let slow = facts.filter { !$0.betterKernels.isEmpty }
    let groups = Dictionary(grouping: slow) { "\($0.kernels) \($0.betterKernels) \($0.kernelsForced)" }
    let warnings = groups.sorted { $0.key < $1.key }.compactMap { _, group in group.first }.map { one in
      let on = places { $0.kernels == one.kernels && $0.betterKernels == one.betterKernels }
      return HostFinding(
        "kernels", .warn,
        "OpenBLAS runs its \(one.kernels) kernels on a processor that has better ones (\(on))"
          + (one.kernelsForced ? ": OPENBLAS_CORETYPE says so" : ""),
        mend: one.kernelsForced
          ? "unset OPENBLAS_CORETYPE, or set it to \(one.betterKernels)"
          : "set OPENBLAS_CORETYPE=\(one.betterKernels), or install a newer OpenBLAS")
    }
    if !warnings.isEmpty { return warnings }
    return [HostFinding("kernels", .ok, Set(facts.map(\.kernels)).sorted().joined(separator: ", "))]
  }

  // MARK: Threads

  private var threads: [HostFinding] {
    let findings = hosts.flatMap { threads(of: $0) }
    if !findings.isEmpty { return merged(findings) }
    let perRank = Set(facts.map(\.threads)).sorted().map(String.init).joined(separator: " or ")
    return [HostFinding("threads", .ok, "\(perRank) a rank, no core serves two")]
  }

  private func threads(of host: [RankFacts]) -> [HostFinding] {
    let name = host[0].host
    for rank in host where rank.threads > rank.boundCores.count {
      let cores = "\(rank.boundCores.count) core\(rank.boundCores.count == 1 ? "" : "s")"
      let isBound = rank.boundCores.count < rank.hostCores
      return [
        HostFinding(
          "threads", .warn, "\(name): a rank with \(rank.threads) threads on \(cores)",
          mend: isBound
            ? "mpirun --bind-to none, or --map-by slot:PE=\(rank.threads)"
            : "--threads \(max(1, rank.boundCores.count / host.count))")
      ]
    }
    let used = Set(host.flatMap(\.boundCores)).count
    let all = host.reduce(0) { $0 + $1.threads }
    if all > used {
      return [
        HostFinding(
          "threads", .warn, "\(name): \(host.count) ranks with \(all) threads together on \(used) cores",
          mend: host.count > used ? "start fewer ranks" : "--threads \(max(1, used / host.count))")
      ]
    }
    if used < host[0].hostCores {
      let wanted = host[0].hostCores / host.count
      return [
        HostFinding(
          "threads", .warn, "\(name): \(used) of \(host[0].hostCores) cores are used",
          mend: "if the others are yours: mpirun --bind-to none, or --map-by slot:PE=\(wanted)")
      ]
    }
    return []
  }

  // MARK: Memory

  /// Where a rank gets less than this, little can be trained.
  private static let least = 1 << 30

  private var memory: [HostFinding] {
    let limited = facts.filter { $0.processLimit > 0 && $0.processLimit < $0.freeBytes / $0.ranksOnHost }
    var findings = hosts.compactMap { memory(of: $0) }
    if let one = limited.first {
      findings.append(
        HostFinding(
          "memory", .warn,
          "\(one.host): each process may have \(Format.bytes(one.processLimit)) of address space (ulimit -v)",
          mend: "ulimit -v unlimited"))
    }
    if !findings.isEmpty { return merged(findings) }
    let free = hosts.map { $0[0].freeBytes }
    let share = hosts.map { $0[0].freeBytes / $0.count }.min() ?? 0
    let least = free.min() ?? 0
    let range = Format.bytes(least) + (hosts.count > 1 ? " or more on each host" : "")
    return [HostFinding("memory", .ok, "\(range) free, \(Format.bytes(share)) a rank")]
  }

  private func memory(of host: [RankFacts]) -> HostFinding? {
    let (free, ranks) = (host[0].freeBytes, host.count)
    if let wanted = options.memory, wanted > free / ranks {
      return HostFinding(
        "memory", .fail,
        "\(host[0].host): --memory \(Format.bytes(wanted)) for \(ranks) ranks, and \(Format.bytes(free)) is free",
        mend: "--memory \(max(1, free / ranks / 10 * 9 >> 20))MiB, or fewer ranks on a host")
    }
    guard free / ranks < Self.least else { return nil }
    return HostFinding(
      "memory", .warn, "\(host[0].host): \(Format.bytes(free)) free, \(Format.bytes(free / ranks)) a rank",
      mend: "fewer ranks on a host, or a larger allocation (Slurm: --mem)")
  }

  // MARK: Data

  private var data: [HostFinding] {
    guard let dataset = options.dataset else { return [] }
    let bad = facts.filter { !$0.dataError.isEmpty }
    if !bad.isEmpty {
      return Set(bad.map(\.dataError)).sorted().map { error in
        HostFinding(
          "data", .fail, "\(places { $0.dataError == error }): \(error)",
          mend: "put the set's files at this path on every host (launch/fetch-data), or on a shared folder")
      }
    }
    if Set(facts.map(\.dataDigest)).count > 1 {
      let groups = Set(facts.map(\.dataDigest)).sorted().map { digest in places { $0.dataDigest == digest } }
      return [
        HostFinding(
          "data", .fail, "the data folder's files differ between " + groups.joined(separator: " and "),
          mend: "copy one folder to every host")
      ]
    }
    let sizes = facts[0].dataDigest.split(separator: " ")
    let on = hosts.count > 1 ? ", the same on all \(hosts.count) hosts" : ""
    return [
      HostFinding(
        "data", .ok, "\(dataset.rawValue): \(sizes[0]) training and \(sizes[1]) test samples, width \(sizes[2])\(on)")
    ]
  }

  // MARK: Network

  /// Slower than this, and the ring of blocks is waited for: a product makes at least as many operations a byte as this allows.
  private static let slowBandwidth = 0.2e9
  /// A solver's iteration sends a few short messages one after the other: more than this, and small problems wait for them.
  private static let slowLatency = 500e-6

  private var networkFindings: [HostFinding] {
    guard let network, facts.count > 1 else { return [] }
    let (first, second) = (network.slowestPair, (network.slowestPair + 1) % facts.count)
    let pair = "ranks \(first) and \(second) (\(facts[first].host), \(facts[second].host))"
    let rate = Format.fixed(network.bandwidth * 1e-9, digits: 2) + " GB/s"
    let delay = Format.fixed(network.latency * 1e6, digits: network.latency < 1e-5 ? 1 : 0) + " us"
    let sameHost = facts[first].host == facts[second].host
    if network.bandwidth < Self.slowBandwidth || network.latency > Self.slowLatency {
      return [
        HostFinding(
          "network", .warn, "\(rate) and \(delay) one way; slowest between \(pair)",
          mend: sameHost
            ? "are the cores of this host busy with something else?"
            : "name the fast network: mpirun --mca btl_tcp_if_include NAME --mca oob_tcp_if_include NAME")
      ]
    }
    return [HostFinding("network", .ok, "\(rate) and \(delay) one way; slowest between \(pair)")]
  }

  // MARK: Clock

  private var clock: [HostFinding] {
    // 2024 began then: a clock that says less was never set.
    let clocks = facts.map(\.clock)
    let (early, late) = (clocks.min() ?? 0, clocks.max() ?? 0)
    if early < 1_704_067_200 {
      return [
        HostFinding(
          "clock", .warn, "a host's clock was never set (\(places { $0.clock == early }))",
          mend: "start chronyd or ntpd")
      ]
    }
    // Ranks read it after a barrier, which they leave some milliseconds apart.
    guard late - early < 1 else {
      return [
        HostFinding(
          "clock", .warn,
          "the hosts' clocks are \(Format.fixed(late - early, digits: 1)) s apart (\(places { $0.clock == early }) is behind)",
          mend: "start chronyd or ntpd: files' times and time limits depend on it")
      ]
    }
    return [
      HostFinding(
        "clock", .ok, facts.count == 1 ? "is set" : "all within \(Format.fixed((late - early) * 1e3, digits: 0)) ms")
    ]
  }

  // MARK: Who

  /// The ranks by host, in the order of the first rank of each.
  var hosts: [[RankFacts]] {
    var order: [String] = []
    for fact in facts where !order.contains(fact.host) { order.append(fact.host) }
    let groups = Dictionary(grouping: facts, by: \.host)
    return order.map { groups[$0] ?? [] }
  }

  /// "host a", "hosts a, b and 7 more", or where one host has it all "ranks 0, 1".
  private func places(_ matches: (RankFacts) -> Bool) -> String {
    let hits = facts.indices.filter { matches(facts[$0]) }
    let names = hits.reduce(into: [String]()) { if !$0.contains(facts[$1].host) { $0.append(facts[$1].host) } }
    if hosts.count == 1 && facts.count > 1 { return list("rank", hits.map(String.init)) }
    return list("host", names)
  }

  private func list(_ noun: String, _ names: [String]) -> String {
    let shown = names.prefix(4).joined(separator: ", ")
    return noun + (names.count > 1 ? "s " : " ") + shown + (names.count > 4 ? " and \(names.count - 4) more" : "")
  }

  /// On a cluster a finding is often that of every host: the first few are enough.
  private func merged(_ findings: [HostFinding]) -> [HostFinding] {
    let shown = findings.prefix(4)
    guard findings.count > shown.count, let last = shown.last else { return findings }
    return shown + [HostFinding(last.check, last.verdict, "and \(findings.count - shown.count) more hosts alike")]
  }
}
