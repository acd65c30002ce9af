import COpenBLAS

/// OpenBLAS itself: its threads and its kernels. Inside tile tasks it must have one thread; in a big product or factorization,
/// all.
public enum BLAS {
  /// Threads that the next call uses. *Local.* (openblas_set_num_threads)
  public static func setThreads(_ count: Int) { openblas_set_num_threads(Int32(count)) }

  /// The kernels OpenBLAS chose for this processor, such as "SkylakeX". (openblas_get_corename)
  public static var kernelName: String { String(cString: openblas_get_corename()) }

  /// OpenBLAS's version and how it was built, such as "OpenBLAS 0.3.21 DYNAMIC_ARCH". (openblas_get_config)
  public static var configuration: String {
    // The last word is the kernels' name: `kernelName` says that.
    String(cString: openblas_get_config()).split(separator: " ").filter { $0 != kernelName }.joined(separator: " ")
  }
}
