/// Bad usage or bad input: one sentence that names the file or option. The command exits with 2.
public struct InputError: Error, Sendable, Equatable, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}
