import Files
import Glibc
import MPI
import Runtime

/// What the launcher says of this process, before MPI starts: MPI sets some of its variables itself.
enum Launch {
  private static let launcher = Launcher.ofThisProcess

  /// 0 without a launcher.
  static let rank = launcher?.rank ?? 0

  /// 1 without a launcher. When a launcher tells the rank alone there may be others.
  static let size = launcher.map { $0.size ?? Int.max } ?? 1

  /// Reads them all.
  static func look() { _ = (launcher, rank, size) }

  /// *Local.* Before MPI starts. Under srun without PMIx Open MPI ends the process with a page of its own words: several processes are refused
  /// in one sentence, and one alone runs as if it had been started by hand.
  static func settle() {
    guard let launcher, launcher.kind == .slurm, !launcher.hasPMIx, MPILibrary.isOpenMPI, !MPILibrary.speaksPMI else {
      return
    }
    if launcher.startedSeveral { refuse(launcher) }
    // By these it would take itself for a rank that srun started.
    for name in ["SLURM_STEP_ID", "SLURM_STEPID"] { unsetenv(name) }
  }

  /// *Collective.* Ends processes that were started together and do not know of each other.
  static func meet(_ world: Communicator) {
    guard let launcher, launcher.startedSeveral, world.size == 1 else { return }
    try? endMPI()
    refuse(launcher)
  }

  /// One process tells. The others wait for it: a launcher may end all as soon as one has ended.
  private static func refuse(_ launcher: Launcher) -> Never {
    let error = launcher.refusal(library: MPILibrary.version)
    if launcher.speaks { standardError("deeprfm: \(error.sentence)\n") } else { sleep(1) }
    exit(error.exitStatus)
  }
}
