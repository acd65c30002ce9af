import LinearAlgebra
import Runtime

/// The directions Q since the last start, Q^T K Q = 1, and their images K Q. Where there is no room for more, the latest one
/// takes the place of the one before it.
struct ConjugateDirections {
  /// Blocks in one piece of memory: enough for products that BLAS does well, few enough not to hold much that is not used.
  static let piece = 8

  private let rows, width: Int
  let limit: Int
  private(set) var count = 0
  /// (rows x some blocks' columns, padded for products), zeros behind the last one.
  private(set) var pieces: [(directions: Matrix<Double>, images: Matrix<Double>)] = []

  /// Pieces that were forgotten, in order: their memory serves again.
  private var spare: [(directions: Matrix<Double>, images: Matrix<Double>)] = []

  init(rows: Int, width: Int, limit: Int) {
    (self.rows, self.width, self.limit) = (rows, width, max(1, limit))
  }

  /// All of Q, and all of K Q, piece by piece.
  var directions: [MatrixView<Double>] { filled.map { pieces[$0].directions.view.columns(0..<$1) } }
  var images: [MatrixView<Double>] { filled.map { pieces[$0].images.view.columns(0..<$1) } }

  private var filled: [(piece: Int, columns: Int)] {
    pieces.indices.map { ($0, width * max(0, min(Self.piece, count - $0 * Self.piece))) }.filter { $0.1 > 0 }
  }

  var lastDirections: MatrixView<Double> { block(count - 1, \.directions) }
  var lastImages: MatrixView<Double> { block(count - 1, \.images) }

  private func block(
    _ index: Int, _ side: KeyPath<(directions: Matrix<Double>, images: Matrix<Double>), Matrix<Double>>
  ) -> MatrixView<Double> {
    let first = index % Self.piece * width
    return pieces[index / Self.piece][keyPath: side].view.columns(first..<(first + width))
  }

  /// Of the piece's blocks, and what pads them.
  private func columns(ofPiece index: Int) -> Int { Self.columns(ofPiece: index, width: width, limit: limit) }

  private static func columns(ofPiece index: Int, width: Int, limit: Int) -> Int {
    paddedForProduct(width * min(piece, limit - index * piece))
  }

  /// Of all pieces.
  static func columns(width: Int, limit: Int) -> Int {
    let limit = max(1, limit)
    return (0..<((limit + piece - 1) / piece)).reduce(0) { $0 + columns(ofPiece: $1, width: width, limit: limit) }
  }

  /// Bytes of so many blocks and their images.
  static func bytes(rows: Int, width: Int, limit: Int) -> Int { 2 * 8 * rows * columns(width: width, limit: limit) }

  mutating func forget() {
    count = 0
    if pieces.count > spare.count { spare = pieces }
    pieces = []
  }

  /// *Local.* Zeros for the next piece.
  private mutating func addPiece(_ block: ColumnBlock) {
    guard pieces.count < spare.count else {
      let columns = columns(ofPiece: pieces.count)
      return pieces.append((block.zeros(rows, columns), block.zeros(rows, columns)))
    }
    let piece = spare[pieces.count]
    block.clear(piece.directions)
    block.clear(piece.images)
    pieces.append(piece)
  }

  /// *Local.* Remembers P T and K P T.
  mutating func append(_ block: ColumnBlock, _ p: Matrix<Double>, _ image: Matrix<Double>, times t: Matrix<Double>) {
    count = min(count + 1, limit)
    if count > pieces.count * Self.piece { addPiece(block) }
    block.combine([p.view], t, beta: 0, into: lastDirections)
    block.combine([image.view], t, beta: 0, into: lastImages)
  }

  /// What `pieces` and `count` were; the memory is shared with nothing.
  mutating func restore(_ saved: ConjugateDirections) throws {
    guard saved.rows == rows, saved.width == width, saved.limit == limit else {
      throw CheckpointError("its directions are not this solve's")
    }
    count = saved.count
    spare = []
    pieces = saved.pieces.map { ($0.directions.copy(), $0.images.copy()) }
  }
}

extension ConjugateDirections {
  /// From a checkpoint. Throws `CheckpointError` where the parts do not fit.
  init(pieces: [(Matrix<Double>, Matrix<Double>)], count: Int, rows: Int, width: Int, limit: Int) throws {
    guard 1...1_000_000 ~= limit, count <= limit else { throw CheckpointError("its solve makes no sense") }
    self.init(rows: rows, width: width, limit: limit)
    for (index, piece) in pieces.enumerated() {
      guard index * Self.piece < limit,
        [piece.0, piece.1].allSatisfy({ $0.rows == rows && $0.columns == columns(ofPiece: index) })
      else { throw CheckpointError("its directions are not of this solve") }
      self.pieces.append((directions: piece.0, images: piece.1))
    }
    guard count <= pieces.count * Self.piece else { throw CheckpointError("its directions are not all there") }
    self.count = count
  }
}
