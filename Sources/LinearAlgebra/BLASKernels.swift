/// OpenBLAS chooses its kernels by the processor's model when it is loaded. A version older than the processor does not know
/// the model and takes its slowest kernels: a fifth of the speed. The variable that names better ones is read at that moment
/// only, so a program that finds itself with slow kernels has to set it and start again.
extension BLAS {
  /// The value that `OPENBLAS_CORETYPE` should have in a fresh start of this process; nil if it should go on as it is.
  ///
  /// - Parameters:
  ///   - current: the kernels that OpenBLAS runs (`kernelName`).
  ///   - features: what the processor has.
  ///   - userChoice: the user's own `OPENBLAS_CORETYPE`, which is never overruled.
  ///   - alreadyTried: this process has been started again before. Once is all it gets.
  public static func recommendedCoreType(
    current: String, features: Processor.Features, userChoice: String?, alreadyTried: Bool
  ) -> String? {
    guard userChoice ?? "" == "", !alreadyTried, let running = KernelClass(kernels: current) else { return nil }
    if features.contains(.avx512), running < .avx512 { return "SkylakeX" }
    if features.contains(.avx2), running < .avx2 { return "Haswell" }
    return nil
  }
}

/// The instructions that a set of kernels is written in. Kernels of an unknown name are newer than this list: good enough.
private enum KernelClass: Int, Comparable {
  case older, avx2, avx512

  init?(kernels: String) {
    switch kernels.lowercased() {
    case "skylakex", "cooperlake", "sapphirerapids":
      self = .avx512
    // A Zen with AVX-512 is newer than an OpenBLAS that knows it as Zen (a Zen 5 by these kernels: half its speed).
    case "haswell", "excavator", "zen":
      self = .avx2
    case "generic", "unknown", "prescott", "core2", "penryn", "dunnington", "nehalem", "sandybridge", "atom", "katmai",
      "coppermine", "northwood", "banias", "athlon", "opteron", "opteron_sse3", "barcelona", "bobcat", "bulldozer",
      "piledriver", "steamroller", "nano":
      self = .older
    default:
      return nil
    }
  }

  static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}
