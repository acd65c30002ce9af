import Glibc

/// Writing or reading failed although the request was a good one: a full disk, a lost mount. The command exits with 1.
public struct FileError: Error, Sendable, Equatable, CustomStringConvertible {
  public let description: String

  init(_ description: String) { self.description = description }

  /// `code` is the C library's errno, read at once after the call that failed.
  /// - Parameter action: what failed, as a participle: "written".
  public init(_ action: String, _ path: String, code: Int32) {
    self.init("\(path) cannot be \(action): \(Self.reason(code))")
  }

  /// What the C library says of an errno (strerror), without its capital.
  public static func reason(_ code: Int32) -> String {
    let message = strerror(code).map { String(cString: $0) } ?? "error \(code)"
    return message.prefix(1).lowercased() + message.dropFirst()
  }
}
