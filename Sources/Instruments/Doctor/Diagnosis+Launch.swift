import Runtime

/// How the ranks were started and how they reach each other.
extension Diagnosis {
  var launch: [HostFinding] { launcher + sharedMemory + interfaces }

  private var launcher: [HostFinding] {
    guard let launcher = facts.first?.launcher, !launcher.isEmpty else {
      return [HostFinding("launcher", .ok, "none: one process")]
    }
    let ranks = "\(facts.count) rank\(facts.count == 1 ? "" : "s")"
    return [HostFinding("launcher", .ok, "\(launcher), \(ranks) on \(hosts.count) host\(hosts.count == 1 ? "" : "s")")]
  }

  /// Open MPI keeps some 4 MiB a rank there; less for all of a host's, and it stops.
  private static let sharedBytesARank = 8 << 20

  private var sharedMemory: [HostFinding] {
    var findings: [HostFinding] = []
    for host in hosts where host.count > 1 {
      if let bad = host.first(where: { !$0.crossMemoryError.isEmpty }) {
        findings.append(
          HostFinding(
            "shared", .warn,
            "\(host[0].host): a rank may not read another's memory (\(bad.crossMemoryError)), as in many containers",
            mend: "export OMPI_MCA_btl_vader_single_copy_mechanism=none (Open MPI 5: OMPI_MCA_smsc=^cma), "
              + "or allow ptrace to the container"))
      }
      if host[0].sharedBytes < Self.sharedBytesARank * host.count {
        findings.append(
          HostFinding(
            "shared", .warn,
            "\(host[0].host): \(Format.bytes(host[0].sharedBytes)) free in /dev/shm for \(host.count) ranks",
            mend: "a larger one (--shm-size), or export OMPI_MCA_btl_vader_backing_directory=/tmp "
              + "(Open MPI 5: OMPI_MCA_btl_sm_backing_directory)"))
      }
    }
    guard facts.count > hosts.count, findings.isEmpty else { return findings }
    return [HostFinding("shared", .ok, "ranks of a host read each other's memory")]
  }

  /// A network with one address on two hosts is inside each of them, a container bridge: what is sent there comes back.
  private var interfaces: [HostFinding] {
    guard hosts.count > 1 else { return [] }
    let all = hosts.map { host in Set(host[0].interfaces.split(separator: ",").map(String.init)) }
    for (number, mine) in all.enumerated() {
      for (other, theirs) in all.enumerated() where other > number {
        guard let both = mine.intersection(theirs).min() else { continue }
        let name = both.prefix { $0 != " " }
        let pair = "\(hosts[number][0].host) and \(hosts[other][0].host)"
        return [
          HostFinding(
            "networks", .warn, "\(both) is the same on \(pair): it does not lead from one to the other",
            mend: "mpirun --mca btl_tcp_if_exclude lo,\(name) --mca oob_tcp_if_exclude lo,\(name)")
        ]
      }
    }
    return []
  }
}
