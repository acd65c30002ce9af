/// Bad usage or bad input: one sentence that names the file or option. The command exits with 2.
public struct InputError: Error, Sendable, Equatable, CustomStringConvertible {
  public let description: String
  private static let longest = 1000

  /// Parts of a sentence may come from a file that somebody else wrote: control characters, which a terminal would obey, become
  /// question marks, and what is too long to read is cut.
  public init(_ description: String) {
    let isPlain = { (scalar: Unicode.Scalar) in scalar.properties.generalCategory != .control }
    var text = String.UnicodeScalarView()
    for scalar in description.unicodeScalars.prefix(Self.longest) { text.append(isPlain(scalar) ? scalar : "?") }
    self.description = String(text) + (description.unicodeScalars.count > Self.longest ? " …" : "")
  }
}
