import Glibc

/// *Local.* The environment of this process.
enum ProcessVariables {
  /// Every variable by its name. (environ)
  static var all: [String: String] {
    var found: [String: String] = [:]
    var next = environ
    while let entry = next.pointee {
      let parts = String(cString: entry).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      if parts.count == 2 { found[String(parts[0])] = String(parts[1]) }
      next += 1
    }
    return found
  }

  /// One of them; nil where it is not set.
  static func value(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
}
