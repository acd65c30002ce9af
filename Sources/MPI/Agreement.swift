/// An error that keeps its exit status and its words when it reaches the other ranks.
public protocol RankError: Error, Sendable {
  /// The exit status of the program it ends.
  var exitStatus: Int32 { get }
  /// One sentence for the user.
  var sentence: String { get }
}

/// Another rank's error. That rank tells the user: whoever holds this one ends without a word.
public struct RemoteError: RankError, Equatable, CustomStringConvertible {
  /// The lowest rank that failed.
  public let rank: Int
  public let exitStatus: Int32
  public let sentence: String

  public init(rank: Int, exitStatus: Int32, sentence: String) {
    self.rank = rank
    self.exitStatus = exitStatus
    self.sentence = sentence
  }

  public var description: String { "rank \(rank): \(sentence)" }
}

extension Communicator {
  /// *Collective.* Runs local work that may fail on some ranks. If it failed anywhere, every rank throws the error of the
  /// lowest rank that failed: that rank its own, the others a `RemoteError` that says the same.
  ///
  /// The work must be local: a rank that fails between two collective calls leaves the others waiting in the second.
  ///
  /// The corresponding C functions are `MPI_Allreduce` and, after a failure, `MPI_Bcast`.
  @inlinable public func together<R>(_ body: () throws -> R) throws -> R {
    let outcome = Result { try body() }
    let nobody = size
    let failed = if case .failure = outcome { rank } else { nobody }
    let first = try minimum(failed)
    if first == nobody { return try outcome.get() }
    if first == rank {
      if case .failure(let error) = outcome { _ = try shareError(error, from: first) }
      return try outcome.get()
    }
    throw try shareError(nil, from: first)
  }

  /// *Collective, every rank with an error.* Whether this rank tells the user: the lowest of those whose error is their own. An error
  /// that all ranks throw alike, without having agreed on it, is told once.
  public func speaks(of error: any Error) throws -> Bool {
    let first = try minimum(error is RemoteError ? size : rank)
    return first == rank || (first == size && rank == 0)
  }

  /// *Collective.* The error of rank `root` on every rank.
  @usableFromInline func shareError(_ error: (any Error)?, from root: Int) throws -> RemoteError {
    let known = error as? any RankError
    var status = known?.exitStatus ?? 1
    let sentence = try broadcast(known?.sentence ?? error.map { "\($0)" } ?? "", from: root)
    try withUnsafeMutablePointer(to: &status) {
      try broadcast(UnsafeMutableBufferPointer(start: $0, count: 1), from: root)
    }
    return RemoteError(rank: root, exitStatus: status, sentence: sentence)
  }
}
