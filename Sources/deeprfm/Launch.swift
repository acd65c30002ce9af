import Glibc

/// What the launcher says of this process, before MPI starts.
enum Launch {
  /// 0 without a launcher.
  static let rank = number(["OMPI_COMM_WORLD_RANK", "PMIX_RANK", "SLURM_PROCID"]) ?? 0

  /// 1 without a launcher. When a launcher tells the rank alone there may be others.
  static let size =
    number(["OMPI_COMM_WORLD_SIZE", "SLURM_NTASKS"])
    ?? (number(["PMIX_RANK"]) == nil ? 1 : Int.max)

  private static func number(_ names: [String]) -> Int? {
    for name in names {
      if let text = getenv(name), let number = Int(String(cString: text)) { return number }
    }
    return nil
  }
}
