/// What a run knows of the machine it is on.
public struct Host: Sendable, Equatable {
  /// Threads of this rank.
  public let threads: Int
  /// One name a node.
  public let names: [String]
  /// OpenBLAS's name for the kernels it runs.
  public let blasKernels: String

  public init(threads: Int, names: [String], blasKernels: String) {
    self.threads = threads
    self.names = names
    self.blasKernels = blasKernels
  }
}
