import LinearAlgebra
import MPI
import Runtime

/// K whole, in double precision, on the one rank that factors it: the others send it their tiles and sleep.
///
/// ```
///     ranks 1, 2, ...                  rank 0
///     tiles, W^1/2 Y     ------>   W^1/2 K W^1/2 + ridge I,  (W^1/2 Y)^T
///                                  L L^T, on all cores of the node
///     their rows of X    <------   X^T
/// ```
extension KernelOperator {
  /// *Local, one rank.* K + ridge I whole, for checks.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public func dense(ridge: Double) -> Matrix<Double> {
    precondition(world.size == 1, "K whole is made on one rank")
    let matrix = Matrix<Double>(rows: rows.rowCount, columns: rows.rowCount)
    for block in blocks { place(block, of: 0, scaledBy: nil, inLower: matrix) }
    mirrorLower(matrix.view)
    for i in 0..<matrix.rows { matrix[i, i] += ridge }
    return matrix
  }

  /// *Collective.* Solves (W^1/2 K W^1/2 + ridge I) X = Y by Cholesky in double precision, on rank 0. On several ranks every tile has to be
  /// stored whole. Throws `FactorizationError`, on all ranks the same.
  /// - Parameters:
  ///   - y: (own rows x outputs); the result is of that shape.
  ///   - weights: W by centre; nil: 1.
  @specialized(where T == Float)
  @specialized(where T == Double)
  func solveDensely(_ y: Matrix<Double>, ridge: Double, weights: [Double]? = nil) throws -> Matrix<Double> {
    let matrix = try gatherLower(scaledBy: weights?.map { $0.squareRoot() })
    if let matrix { for i in 0..<matrix.rows { matrix[i, i] += ridge } }
    let sides = try gatherSides(y)
    let host = context.host
    let refused = try context.onRankZeroAlone { () -> Int in
      guard let matrix, let sides else { return 0 }
      return try Processor.with(bindingMask: host.processorsOnNode) {
        try pool.withThreadedLAPACK(order: matrix.rows, threads: host.threadsOnNode) {
          do {
            try factorizeCholesky(matrix.view)
          } catch FactorizationError.notPositiveDefinite(let order) {
            return order
          }
          solveCholesky(matrix.view, rows: sides.view)
          return 0
        }
      }
    }
    // All go the same way: perhaps to another solver.
    var order = [Double(refused ?? 0)]
    try takeFromRankZero(&order)
    if order[0] > 0 { throw FactorizationError.notPositiveDefinite(order: Int(order[0])) }
    return try scatterSides(sides, like: y)
  }

  /// Bytes on rank 0 beside K's tiles: the matrix with the right-hand sides, one block of another rank's tiles, and one of its vectors.
  public static func denseBytes(samples: Int, outputs: Int, rows: Int, ranks: Int, blockBytes: Int) -> Int {
    8 * samples * (samples + outputs) + (ranks > 1 ? blockBytes + 8 * rows * outputs : 0)
  }

  /// *Collective.* The lower triangle of D K D on rank 0; nil on the others. - Parameter scales: D by centre; nil: 1.
  private func gatherLower(scaledBy scales: [Double]?) throws -> Matrix<Double>? {
    let tag = MessageTag.tiles.rawValue
    guard world.rank == 0 else {
      for block in blocks {
        precondition(!block.tiles.contains { $0.dense == nil }, "K is gathered from tiles that are stored whole")
        let sent = UnsafeBufferPointer(block.storage.buffer)
        if !sent.isEmpty { try context.communicating { try world.send(sent, to: 0, tag: tag) } }
      }
      return nil
    }
    let samples = layout.sampleCount
    let matrix = Matrix<Double>(uninitialisedRows: samples, columns: samples)
    for block in blocks { place(block, of: 0, scaledBy: scales, inLower: matrix) }
    for rank in 1..<max(1, world.size) {
      for step in blocks.indices {
        var block = PairBlock<T>(of: rank, with: (rank + step) % world.size, layout)
        block.store(within: .max)
        let storage = block.storage.buffer
        if !storage.isEmpty { try context.communicating { try world.receive(storage, from: rank, tag: tag) } }
        place(block, of: rank, scaledBy: scales, inLower: matrix)
      }
    }
    return matrix
  }

  /// *Local.* Writes a rank's tiles into the lower triangle of D K D. Those of the own block that are not stored whole are made.
  private func place(
    _ block: PairBlock<T>, of rank: Int, scaledBy scales: [Double]?, inLower matrix: Matrix<Double>
  ) {
    let (own, other) = (layout.shard(of: rank).lowerBound, layout.shard(of: block.other).lowerBound)
    let (tiles, rows, builder, tileRows) = (block.tiles, self.rows, self.builder, layout.tileRows)
    let isOwn = rank == world.rank && block.other == rank
    pool.forEachWhenFree(0..<tiles.count) { index, worker in
      let tile = tiles[index]
      let view: MatrixView<T>
      if let dense = tile.dense {
        view = dense
      } else {
        precondition(isOwn, "K is gathered from tiles that are stored whole")
        view = tile.view(of: Matrix(uninitialisedRows: tileRows, columns: paddedForProduct(tileRows)))
        tile.build(in: view, builder, rows, rows, worker: worker)
      }
      tile.forEachPart(view) { row, column, part in
        let place = (row: own + row.rows.lowerBound, column: other + column.rows.lowerBound)
        let scale = scales.map { $0[row.centre] * $0[column.centre] } ?? 1
        Self.write(part, plus: builder.constant(row.centre, column.centre), times: scale, at: place, inLower: matrix)
      }
    }
  }

  /// scale (constant + deviation) from a place of the matrix on; what lies above the diagonal goes to its mirror image.
  private static func write(
    _ deviation: MatrixView<T>, plus constant: Double, times scale: Double, at place: (row: Int, column: Int),
    inLower matrix: Matrix<Double>
  ) {
    guard place.row < place.column else {
      for i in 0..<deviation.rows {
        let target = matrix.pointer + (place.row + i) * matrix.columns + place.column
        let source = deviation.pointer + i * deviation.stride
        for j in 0..<deviation.columns { target[j] = scale * (constant + Double(source[j])) }
      }
      return
    }
    // So few columns at a time that each line of the cache is read once.
    for columns in (0..<deviation.columns).pieces(ofAtMost: 16) {
      for i in 0..<deviation.rows {
        let source = deviation.pointer + i * deviation.stride
        let target = matrix.pointer + place.column * matrix.columns + place.row + i
        for j in columns { target[j * matrix.columns] = scale * (constant + Double(source[j])) }
      }
    }
  }

  /// *Collective.* Y^T of all ranks on rank 0, as LAPACK takes right-hand sides; nil on the others.
  private func gatherSides(_ y: Matrix<Double>) throws -> Matrix<Double>? {
    let sides = world.rank == 0 ? Matrix<Double>(uninitialisedRows: y.columns, columns: layout.sampleCount) : nil
    var first = 0
    try context.communicating {
      try world.gather(UnsafeBufferPointer(y.buffer), count: { layout.shard(of: $0).count * y.columns }) { part in
        guard let sides, let elements = part.baseAddress, y.columns > 0 else { return }
        let rows = part.count / y.columns
        if rows > 0 { Double.transpose(rows, y.columns, elements, y.columns, sides.pointer + first, sides.columns) }
        first += rows
      }
    }
    return sides
  }

  /// *Collective.* This rank's rows of what rank 0 has transposed.
  private func scatterSides(_ sides: Matrix<Double>?, like y: Matrix<Double>) throws -> Matrix<Double> {
    let tag = MessageTag.gather.rawValue
    let own = Matrix<Double>(uninitialisedRows: y.rows, columns: y.columns)
    guard let sides else {
      if own.count > 0 { try context.communicating { try world.receive(own.buffer, from: 0, tag: tag) } }
      return own
    }
    transpose(sides.view.columns(shard), into: own.view)
    for rank in 1..<max(1, world.size) {
      let shard = layout.shard(of: rank)
      let part = Matrix<Double>(uninitialisedRows: shard.count, columns: own.columns)
      transpose(sides.view.columns(shard), into: part.view)
      if part.count > 0 {
        try context.communicating { try world.send(UnsafeBufferPointer(part.buffer), to: rank, tag: tag) }
      }
    }
    return own
  }
}
