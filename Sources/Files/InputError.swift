/// Bad usage or bad input: one sentence that names the file or option. The command exits with 2.
public struct InputError: Error, Sendable, Equatable, CustomStringConvertible {
  public let description: String

  /// Parts of a sentence may come from a file that somebody else wrote: control characters, which a terminal would obey, become
  /// question marks, and what is too long to read is cut.
  public init(_ description: String) { self.description = printable(description) }
}

/// `text` as a terminal may be given it: control characters are question marks, and what is too long to read is cut.
public func printable(_ text: String, longest: Int = 1000) -> String {
  let isPlain = { (scalar: Unicode.Scalar) in scalar.properties.generalCategory != .control }
  var plain = String.UnicodeScalarView()
  for scalar in text.unicodeScalars.prefix(longest) { plain.append(isPlain(scalar) ? scalar : "?") }
  return String(plain) + (text.unicodeScalars.count > longest ? " …" : "")
}
