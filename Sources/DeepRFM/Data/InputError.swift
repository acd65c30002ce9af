import MPI

/// Bad usage or bad input: one sentence that names the file or option. The command exits with 2.
public struct InputError: RankError, Equatable, CustomStringConvertible {
  public let description: String
  public var sentence: String { description }
  public var exitStatus: Int32 { 2 }
  public init(_ description: String) { self.description = description }
}
