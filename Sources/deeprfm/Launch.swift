import Glibc
import MPI
import Runtime

/// What the launcher says of this process, before MPI starts: MPI sets some of these variables itself.
enum Launch {
  /// 0 without a launcher.
  static let rank = number(["OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"]) ?? 0

  /// 1 without a launcher. When a launcher tells the rank alone there may be others.
  static let size = started ?? number(["SLURM_NTASKS"]) ?? (number(["PMIX_RANK"]) == nil ? 1 : Int.max)

  /// Processes that were started with this one; nil where that is not said. Slurm's SLURM_NTASKS is that of a job, which a program in
  /// its script has to itself.
  private static let started = number(["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"])

  /// Reads them all.
  static func look() { _ = (rank, size, started) }

  /// A launcher that this MPI does not understand starts many runs of one rank each, which all do the same and write the same files.
  static func warnIfAlone(_ world: Communicator) {
    guard world.size == 1, rank == 0, let started, started > 1 else { return }
    standardError(
      "deeprfm: warning: \(started) processes were started, and MPI does not know of the others: each is a run of its own; mpirun starts "
        + "one run, and srun does with --mpi=pmix where Open MPI was built for it\n")
  }

  private static func number(_ names: [String]) -> Int? {
    for name in names {
      if let text = getenv(name), let number = Int(String(cString: text)) { return number }
    }
    return nil
  }
}
