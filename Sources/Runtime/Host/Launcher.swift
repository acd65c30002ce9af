import Files

/// Who started this process and with how many others, by the variables of its own step.
///
/// Read before MPI starts: an MPI that was started by nobody sets some of them itself. A job's variables (SLURM_NTASKS) do not count: a
/// program in a batch script has them, and is alone.
public struct Launcher: Sendable, Equatable {
  /// Those that are told apart, the innermost first: Open MPI's daemons, and Hydra's, are themselves started by Slurm where there is one, and
  /// their ranks have its variables too.
  public enum Kind: String, Sendable, CaseIterable {
    case openMPI = "Open MPI's mpirun"
    case mvapich = "MVAPICH's mpirun_rsh"
    case flux = "flux run"
    case pals = "PALS"
    case hydra = "Hydra's mpirun"
    case slurm = "srun"
    case pmi = "a PMI launcher"
    case pmix = "a PMIx launcher"

    /// The variable that shows the launcher, then those of the rank and of the number of processes; the first that is set counts.
    var variables: (sign: String, rank: [String], size: [String]) {
      switch self {
      case .openMPI: ("OMPI_COMM_WORLD_SIZE", ["OMPI_COMM_WORLD_RANK", "PMIX_RANK"], ["OMPI_COMM_WORLD_SIZE"])
      case .mvapich: ("MV2_COMM_WORLD_SIZE", ["MV2_COMM_WORLD_RANK"], ["MV2_COMM_WORLD_SIZE"])
      case .flux: ("FLUX_TASK_RANK", ["FLUX_TASK_RANK"], ["FLUX_JOB_SIZE", "PMI_SIZE"])
      case .pals: ("PALS_RANKID", ["PALS_RANKID"], ["PMI_SIZE"])
      case .hydra: ("MPI_LOCALNRANKS", ["PMI_RANK", "PMIX_RANK"], ["PMI_SIZE"])
      case .slurm: ("SLURM_STEP_NUM_TASKS", ["SLURM_PROCID", "PMIX_RANK", "PMI_RANK"], ["SLURM_STEP_NUM_TASKS"])
      case .pmi: ("PMI_RANK", ["PMI_RANK"], ["PMI_SIZE"])
      case .pmix: ("PMIX_RANK", ["PMIX_RANK"], [])
      }
    }
  }

  public let kind: Kind
  /// This process's place among those started.
  public let rank: Int
  /// How many were started; nil: not said.
  public let size: Int?
  /// Whether Slurm offers PMIx to its step: Open MPI can then find the other ranks.
  public let hasPMIx: Bool

  /// This process's own, as it was at its start. It must be read before MPI starts.
  public static let ofThisProcess = Launcher(ProcessVariables.all)

  /// *Local.* nil: no launcher, a process on its own.
  public init?(_ environment: [String: String]) {
    func number(_ names: [String]) -> Int? { names.lazy.compactMap { environment[$0].flatMap { Int($0) } }.first }
    guard let kind = Kind.allCases.first(where: { environment[$0.variables.sign] != nil }) else { return nil }
    self.kind = kind
    rank = number(kind.variables.rank) ?? 0
    size = number(kind.variables.size)
    hasPMIx = environment["PMIX_RANK"] != nil
  }

  /// Whether there are others beside this process.
  public var startedSeveral: Bool { size.map { $0 > 1 } ?? (rank > 0) }

  /// Whether it falls to this process to tell what concerns all. Where the number is not said, the first of several cannot know that it is one.
  public var speaks: Bool { size == nil ? rank <= 1 : rank == 0 }

  /// Why a process that MPI takes for the only one, and that is not, must not go on: each would be a run of its own and write the same files.
  /// - Parameter library: MPI's name and version.
  public func refusal(library: String) -> InputError {
    let count = size.map { "\($0) processes were" } ?? "several processes were"
    return InputError(
      "\(count) started by \(kind.rawValue), and \(library) does not know them as ranks of one run: \(mend(library))")
  }

  private func mend(_ library: String) -> String {
    switch (kind, library.hasPrefix("Open MPI")) {
    case (.slurm, true): "use srun --mpi=pmix (an Open MPI built with PMIx), or mpirun"
    case (.slurm, false): "use srun --mpi=pmi2, or the mpirun of this MPI"
    case (.openMPI, true): "use the mpirun of the same Open MPI"
    case (.flux, true): "use flux run -o pmi=pmix, or mpirun"
    default: "use the mpirun of \(library.hasPrefix("Open MPI") ? "Open MPI" : "this MPI")"
    }
  }
}
