import Files
import Instruments
import KernelMachine
import Runtime
import Testing

/// What the doctor says of facts that are made up.
@Suite struct DoctorTests {
  /// Two hosts with two ranks each, nothing wrong.
  private func healthy() -> [RankFacts] {
    (0..<4).map { rank in
      var facts = RankFacts()
      facts.host = rank < 2 ? "a" : "b"
      facts.placeOnHost = rank % 2
      facts.ranksOnHost = 2
      (facts.version, facts.programDigest, facts.mpiLibrary, facts.blasLibrary) = (
        "1.0", "ff", "Open MPI v4", "OpenBLAS 0.3"
      )
      facts.kernels = "SkylakeX"
      facts.threads = 4
      facts.boundCores = Array((4 * (rank % 2))..<(4 * (rank % 2) + 4))
      facts.hostCores = 8
      facts.freeBytes = 64 << 30
      facts.sharedBytes = 1 << 30
      facts.launcher = "srun"
      facts.interfaces = "lo0 (10.0.0.\(rank / 2)/24)"
      facts.dataDigest = "100 20 784 aa"
      facts.clock = 1.8e9 + 0.001 * Double(rank)
      return facts
    }
  }

  private func findings(
    _ facts: [RankFacts], _ options: DoctorOptions = DoctorOptions(),
    network: NetworkProbe = NetworkProbe(latency: 2e-6, bandwidth: 5e9)
  ) -> [HostFinding] {
    Diagnosis(facts, options, network: network, output: HostFinding("output", .ok, "runs")).findings
  }

  /// All findings that are not ok.
  private func bad(
    _ change: (inout [RankFacts]) -> Void, _ options: DoctorOptions = DoctorOptions(),
    network: NetworkProbe = NetworkProbe(latency: 2e-6, bandwidth: 5e9)
  ) -> [HostFinding] {
    var facts = healthy()
    change(&facts)
    return findings(facts, options, network: network).filter { $0.verdict != .ok }
  }

  @Test func nothingIsWrong() {
    var options = DoctorOptions()
    options.dataset = .mnist
    let all = findings(healthy(), options)
    #expect(all.allSatisfy { $0.verdict == .ok && $0.mend == nil })
    #expect(
      all.map(\.check) == [
        "program", "MPI", "BLAS", "launcher", "shared", "kernels", "threads", "memory", "data", "network", "clock",
        "output",
      ])
  }

  @Test func factsTravelWhole() {
    for facts in healthy() { #expect(RankFacts(json: facts.json) == facts) }
  }

  @Test func versions() throws {
    let other = try #require(bad { $0[3].version = "2.0" }.first)
    #expect(other.verdict == .fail && other.text.contains("1.0 (hosts a, b)") && other.text.contains("2.0 (host b)"))
    let build = bad { $0[2].programDigest = "ee" }
    #expect(build.map(\.verdict) == [.warn] && build[0].check == "program")
    #expect(bad { $0[0].mpiLibrary = "Open MPI v5" }.map(\.check) == ["MPI"])
    #expect(bad { $0[0].blasLibrary = "OpenBLAS 0.4" }.map(\.check) == ["BLAS"])
  }

  @Test func slowKernels() throws {
    let slow: (inout [RankFacts]) -> Void = { facts in
      for k in 2..<4 { (facts[k].kernels, facts[k].betterKernels) = ("Prescott", "SkylakeX") }
    }
    let own = try #require(bad(slow).first)
    #expect(own.verdict == .warn && own.text.contains("Prescott") && own.text.contains("host b"))
    #expect(own.mend?.contains("OPENBLAS_CORETYPE=SkylakeX") == true)
    let forced = try #require(
      bad {
        slow(&$0)
        for k in 2..<4 { $0[k].kernelsForced = true }
      }.first)
    #expect(forced.mend?.contains("unset OPENBLAS_CORETYPE") == true)
  }

  @Test func threadsAndCores() throws {
    // What mpirun does with one or two ranks when it is left alone.
    let bound = try #require(bad { $0[0].boundCores = [0] }.first)
    #expect(bound.verdict == .warn && bound.text.contains("4 threads on 1 core"))
    #expect(bound.mend?.contains("--bind-to none") == true && bound.mend?.contains("slot:PE=4") == true)
    let crowded = try #require(bad { for k in 0..<2 { $0[k].boundCores = [0, 1, 2, 3] } }.first)
    #expect(crowded.text.contains("8 threads together on 4 cores") && crowded.mend == "--threads 2")
    let idle = try #require(bad { for k in 0..<4 { ($0[k].boundCores, $0[k].threads) = ([k % 2], 1) } }.first)
    #expect(idle.text.contains("2 of 8 cores"))
  }

  @Test func memory() throws {
    var options = DoctorOptions()
    options.memory = 33 << 30
    let tooMuch = bad({ _ in }, options)
    #expect(tooMuch.count == 2 && tooMuch.allSatisfy { $0.verdict == .fail && $0.check == "memory" })
    options.memory = 31 << 30
    #expect(bad({ _ in }, options).isEmpty)
    #expect(bad { for k in 0..<2 { $0[k].freeBytes = 1 << 30 } }.map(\.verdict) == [.warn])
    #expect(bad { $0[1].processLimit = 1 << 30 }.first?.mend == "ulimit -v unlimited")
  }

  @Test func data() throws {
    var options = DoctorOptions()
    options.dataset = .mnist
    let missing = try #require(bad({ for k in 2..<4 { $0[k].dataError = "--data d cannot be opened" } }, options).first)
    #expect(missing.verdict == .fail && missing.text.hasPrefix("host b: --data d"))
    let other = try #require(bad({ for k in 2..<4 { $0[k].dataDigest = "100 20 784 bb" } }, options).first)
    #expect(other.verdict == .fail && other.text.contains("host a and host b"))
  }

  @Test func networkAndClock() {
    var slow = NetworkProbe(latency: 2e-6, bandwidth: 0.1e9)
    slow.slowestPair = 1
    let network = bad({ _ in }, network: slow)
    #expect(network.map(\.verdict) == [.warn] && network[0].text.contains("ranks 1 and 2 (a, b)"))
    #expect(network.first?.mend?.contains("btl_tcp_if_include") == true)
    #expect(bad { $0[3].clock += 5 }.map(\.check) == ["clock"])
    #expect(bad { for k in 0..<4 { $0[k].clock = 1000 } }.map(\.check) == ["clock"])
  }

  @Test func checksumsTellFilesApart() throws {
    #expect(Checksum([1, 2, 3]) != Checksum([1, 2, 4]))
    // The published value of CRC-32 for "123456789".
    #expect(Checksum(Array("123456789".utf8)).text == "cbf43926")
    #expect(throws: FileError.self) { try RankFacts.digest(ofFolder: "/no/such/folder") }
  }

  @Test func options() throws {
    #expect(try DoctorOptions.parse(["--dataset", "digits", "--threads", "3", "--json"]).threads == 3)
    #expect(throws: InputError.self) { try DoctorOptions.parse(["--dataset", "mnist"]) }
    #expect(throws: InputError.self) { try DoctorOptions.parse(["--data", "d"]) }
  }
}
