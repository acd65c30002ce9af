import CMPI
import Glibc

/// The MPI that this program runs with.
public enum MPILibrary {
  /// *Local.* Its name and version, such as "Open MPI v4.1.4" or "MPICH 4.0.2". Before MPI starts, too.
  ///
  /// The corresponding C function is `MPI_Get_library_version`.
  public static var version: String {
    var text = [CChar](repeating: 0, count: Int(MPI_MAX_LIBRARY_VERSION_STRING) + 1)
    var length: Int32 = 0
    guard MPI_Get_library_version(&text, &length) == MPI_SUCCESS else { return "unknown" }
    let all = String(decoding: text.prefix(Int(length)).map(UInt8.init(bitPattern:)), as: UTF8.self)
    return firstWords(of: all)
  }

  /// "Open MPI v4.1.4, package: ..., repo rev: ..."; "MPICH Version:\t4.0.2\nMPICH Release date:..."
  static func firstWords(of text: String) -> String {
    let line = text.prefix { $0 != "," && !$0.isNewline }
    let words = line.split { $0.isWhitespace }.filter { $0.lowercased() != "version:" }
    return words.map { $0.hasSuffix(":") ? String($0.dropLast()) : String($0) }.joined(separator: " ")
  }

  public static var isOpenMPI: Bool { version.hasPrefix("Open MPI") }

  /// *Local.* Whether an Open MPI finds other ranks by Slurm's PMI-1 or PMI-2, for which it must have been built: it then has a component of
  /// that name, in the library or in the folder beside it.
  ///
  /// The corresponding C functions are `dlsym` and `glob`.
  public static var speaksPMI: Bool {
    for name in ["mca_pmix_s1_component", "mca_pmix_s2_component"] where dlsym(nil, name) != nil { return true }
    guard let folder else { return false }
    var found = glob_t()
    defer { globfree(&found) }
    return glob(folder + "/openmpi*/mca_pmix_s[12].so", 0, nil, &found) == 0 && found.gl_pathc > 0
  }

  /// The folder of the library's file, links followed, as /proc/self/maps names it (proc(5)).
  private static var folder: String? {
    guard let maps = fopen("/proc/self/maps", "r") else { return nil }
    defer { fclose(maps) }
    var line: UnsafeMutablePointer<CChar>?
    var room = 0
    defer { free(line) }
    while getline(&line, &room, maps) > 0, let text = line.map({ String(cString: $0) }) {
      guard let path = text.firstIndex(of: "/").map({ text[$0...] }), let end = path.lastIndex(of: "/") else {
        continue
      }
      if path[end...].hasPrefix("/libmpi.so") { return String(path[..<end]) }
    }
    return nil
  }
}
