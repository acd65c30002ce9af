import Runtime
import Testing

/// Who started a process, by the variables that each launcher sets, and what is told where its ranks do not know each other.
@Suite struct LauncherTests {
  @Test func aProcessOnItsOwnHasNoLauncher() {
    #expect(Launcher(["PATH": "/bin", "HOME": "/"]) == nil)
    // A batch script's: the job's variables, and those of its own step of one.
    #expect(Launcher(["SLURM_JOB_ID": "7", "SLURM_NTASKS": "8", "SLURM_PROCID": "0"]) == nil)
    #expect(Launcher(["SLURM_NTASKS": "8", "SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0"])?.startedSeveral == false)
  }

  @Test(arguments: [
    (["OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "3"], Launcher.Kind.openMPI, 3, 4),
    (["SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "1", "SLURM_NTASKS": "2"], .slurm, 1, 2),
    (["SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "1", "PMI_RANK": "1", "PMI_SIZE": "2"], .slurm, 1, 2),
    (["MPI_LOCALNRANKS": "2", "PMI_RANK": "1", "PMI_SIZE": "6"], .hydra, 1, 6),
    (["PMI_RANK": "5", "PMI_SIZE": "6"], .pmi, 5, 6),
    (["PALS_RANKID": "5", "PMI_RANK": "5", "PMI_SIZE": "6"], .pals, 5, 6),
    (["FLUX_TASK_RANK": "1", "FLUX_JOB_SIZE": "3", "PMI_RANK": "1", "PMI_SIZE": "3"], .flux, 1, 3),
    (["MV2_COMM_WORLD_RANK": "1", "MV2_COMM_WORLD_SIZE": "3"], .mvapich, 1, 3),
  ])
  func eachLauncherIsKnown(variables: [String: String], kind: Launcher.Kind, rank: Int, size: Int) throws {
    let launcher = try #require(Launcher(variables))
    #expect(launcher.kind == kind && launcher.rank == rank && launcher.size == size)
    #expect(launcher.startedSeveral && launcher.speaks == (rank == 0))
  }

  /// Daemons that Slurm starts give its variables to ranks of their own.
  @Test func theInnermostLauncherCounts() throws {
    let slurm = ["SLURM_STEP_NUM_TASKS": "3", "SLURM_PROCID": "2"]
    let one = try #require(Launcher(slurm.merging(["OMPI_COMM_WORLD_SIZE": "1", "OMPI_COMM_WORLD_RANK": "0"]) { $1 }))
    #expect(one.kind == .openMPI && !one.startedSeveral)
    let hydra = try #require(
      Launcher(slurm.merging(["MPI_LOCALNRANKS": "4", "PMI_RANK": "7", "PMI_SIZE": "12"]) { $1 }))
    #expect(hydra.kind == .hydra && hydra.size == 12 && hydra.rank == 7)
  }

  @Test func wherePMIxTellsTheRankAloneTheSecondSpeaks() throws {
    let first = try #require(Launcher(["PMIX_RANK": "0"]))
    let second = try #require(Launcher(["PMIX_RANK": "1"]))
    let third = try #require(Launcher(["PMIX_RANK": "2"]))
    #expect(!first.startedSeveral && second.startedSeveral && third.startedSeveral)
    #expect(second.speaks && !third.speaks)
  }

  @Test func theSentenceNamesTheMend() throws {
    let slurm = try #require(Launcher(["SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "0"]))
    let hydra = try #require(Launcher(["MPI_LOCALNRANKS": "2", "PMI_RANK": "0", "PMI_SIZE": "2"]))
    let open = try #require(Launcher(["OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "0"]))
    #expect(slurm.refusal(library: "Open MPI v4.1.4").sentence.contains("srun --mpi=pmix"))
    #expect(slurm.refusal(library: "MPICH 4.0.2").sentence.contains("srun --mpi=pmi2"))
    #expect(hydra.refusal(library: "Open MPI v4.1.4").sentence.hasSuffix("use the mpirun of Open MPI"))
    #expect(open.refusal(library: "MPICH 4.0.2").sentence.hasSuffix("use the mpirun of this MPI"))
    for launcher in [slurm, hydra, open] {
      let error = launcher.refusal(library: "MPICH 4.0.2")
      #expect(error.exitStatus == 2 && error.sentence.hasPrefix("2 processes were started by "))
    }
  }
}

/// Networks as Open MPI's parameters name them.
@Suite struct NetworkInterfaceTests {
  private let lo = NetworkInterface(name: "lo", address: 0x7f00_0001, prefixLength: 8)
  private let eth = NetworkInterface(name: "eth0", address: 0x0a01_0203, prefixLength: 16)
  private let bridge = NetworkInterface(name: "docker0", address: 0xac11_0001, prefixLength: 16)

  @Test func aListNamesCardsAndNetworks() {
    #expect(eth.description == "eth0 (10.1.2.3/16)")
    #expect(eth.isNamed(in: "ib0,eth0") && !eth.isNamed(in: "eth"))
    #expect(eth.isNamed(in: "10.1.0.0/16") && eth.isNamed(in: "0.0.0.0/0") && eth.isNamed(in: "10.1.2.3/32"))
    #expect(!eth.isNamed(in: "10.2.0.0/16") && !eth.isNamed(in: "10.1.0/16") && !eth.isNamed(in: "10.1.0.0/99"))
  }

  @Test func openMPIsOwnRule() {
    let all = [lo, eth, bridge]
    #expect(NetworkInterface.used(of: all, include: nil, exclude: nil) == [eth, bridge])
    #expect(NetworkInterface.used(of: all, include: "10.0.0.0/8", exclude: nil) == [eth])
    #expect(NetworkInterface.used(of: all, include: nil, exclude: "lo,docker0") == [eth])
  }
}
