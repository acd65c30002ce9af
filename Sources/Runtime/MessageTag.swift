/// What a message between two ranks is: its tag. One list, so that no two kinds meet.
public enum MessageTag: Int32, CaseIterable, Sendable {
  /// A block of rows round the ring, and what is kept of each row.
  case block = 1, blockTerms
  /// A product's part of the vector, and its part of the result.
  case vector, result
  /// Rows on their way to rank 0, its file or its solve, and back.
  case gather
  /// A piece of a panel of the pairwise AGOP: weights and rows.
  case pieceWeights, pieceRows
  /// A tensor of a checkpoint.
  case checkpoint
  /// Kernel tiles for the AGOP, and before them which there are; for a factorisation, to rank 0.
  case tiles, storedTiles
  /// Rows of a batch on their way to the rank that trains on them.
  case batch
  /// Of a network's step: a rank's share of a gradient, the new values of a share, and the wish to stop or to save.
  case gradient, parameters, wish
  /// Probes of the network.
  case probe
  /// The first of all: whether ranks reach each other.
  case greeting
}
