import COpenMPI

/// The MPI that this program runs with.
public enum MPILibrary {
  /// *Local.* Its name and version, such as "Open MPI v4.1.4".
  ///
  /// The corresponding C function is `MPI_Get_library_version`.
  public static var version: String {
    var text = [CChar](repeating: 0, count: Int(MPI_MAX_LIBRARY_VERSION_STRING) + 1)
    var length: Int32 = 0
    guard MPI_Get_library_version(&text, &length) == MPI_SUCCESS else { return "unknown" }
    let all = String(decoding: text.prefix(Int(length)).map(UInt8.init(bitPattern:)), as: UTF8.self)
    // "Open MPI v4.1.4, package: ..., repo rev: ..."
    return String(all.prefix { $0 != "," && !$0.isNewline })
  }
}
