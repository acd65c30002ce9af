import Files

/// The number that config.json and every tensor file of a run carry: which rules they were written by. A reader knows its own and all
/// before it, and refuses what is newer rather than misread it.
public enum RunFormat {
  /// What this program writes. 0 are the files before there was a number.
  public static let current = 1

  /// In config.json an integer, in the metadata of a safetensors file its digits.
  static let key = "format"

  /// Of config.json.
  public static var member: JSON.Member { JSON.Member(key, JSON(current)) }

  /// Of a safetensors file.
  public static var metadata: [String: String] { [key: "\(current)"] }

  /// Throws `InputError` unless the configuration is of a format that is known here.
  public static func check(_ configuration: JSON, source: String) throws(InputError) {
    switch configuration[key] {
    case nil: return
    case .number(let text)?: try check(text, source)
    case let other?: throw unreadable(other.line, source)
    }
  }

  /// Throws `InputError` unless the file is of a format that is known here.
  static func check(_ file: SafetensorsFile) throws(InputError) {
    if let text = file.metadata[key] { try check(text, file.path) }
  }

  private static func check(_ text: String, _ source: String) throws(InputError) {
    guard let number = Int(text), number >= 0 else { throw unreadable("\"\(text)\"", source) }
    guard number <= current else {
      throw InputError(
        "\(source) is of format \(number), and deeprfm \(version) reads up to format \(current): a newer version wrote it, and reads it"
      )
    }
  }

  private static func unreadable(_ value: String, _ source: String) -> InputError {
    InputError("\(source): \"\(key)\" is \(value), and an integer from 0 is needed")
  }
}

extension RunFolder {
  /// *Local.* A tensor file of this run, open: its own, its header proven, its format known. Throws `InputError`.
  public func openTensors(_ path: String) throws -> SafetensorsFile {
    let file = try SafetensorsFile(own(path))
    try RunFormat.check(file)
    return file
  }
}
