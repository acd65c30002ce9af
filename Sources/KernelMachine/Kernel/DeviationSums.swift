import LinearAlgebra
import Runtime

extension KernelOperator {
  /// *Collective.* S_ab, the sum of E between the rows of centres a and b, (centres x centres), and the sum of all its squares: over all
  /// ranks, in double precision. Reads each tile once, and makes those anew that are not stored.
  /// - Parameter stop: breaks it off; the caller then asks the ranks whether it was set, and uses no result.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public func deviationSums(stop: StopSwitch? = nil) throws -> (byCentres: Matrix<Double>, squares: Double) {
    let count = rows.centres.rows
    let sums = Matrix<Double>(rows: count, columns: count)
    var all = 0.0
    func add(_ pair: PairBlock<T>, _ block: Rows<T>) {
      for (tile, parts) in zip(pair.tiles, tileSums(pair, block, stop)) {
        for part in parts {
          sums[part.a, part.b] += part.sum
          if !tile.isDiagonal { sums[part.b, part.a] += part.sum }
          all += (tile.isDiagonal ? 1 : 2) * part.squares
        }
      }
    }
    var pairs = blocks[...]
    try rows.forEachBlock(steps: circulating) { _, block in if let pair = pairs.popFirst() { add(pair, block) } }
    for pair in pairs { add(pair, rows) }  // stored, all of them
    try sum(sums.buffer)
    return (sums, try communicating { try world.sum(all) })
  }

  /// Of a pair of segments, of centres a and b, the sum of E and of its squares.
  private struct PartSums {
    let a, b: Int
    let sum, squares: Double
  }

  /// Of each tile those of its parts.
  private func tileSums(_ pair: PairBlock<T>, _ block: Rows<T>, _ stop: StopSwitch?) -> [[PartSums]] {
    let (rows, builder, tiles, pool, side) = (self.rows, self.builder, pair.tiles, self.pool, layout.tileRows)
    let results = tiles.map { _ in TaskResult<[PartSums]>() }
    pool.forEachWhenFree(0..<tiles.count) { index, worker in
      guard stop?.isRequested != true else { return }
      let tile = tiles[index]
      let view = tile.deviations(
        in: Matrix(uninitialisedRows: side, columns: paddedForProduct(side)), builder, rows, block, worker: worker)
      var parts: [PartSums] = []
      tile.forEachPart(view) { row, column, part in
        let (sum, squares) = Self.sums(part)
        parts.append(PartSums(a: row.centre, b: column.centre, sum: sum, squares: squares))
      }
      results[index].value = parts
      pool.breathe(worker)
    }
    return results.map { $0.value ?? [] }
  }

  private static func sums(_ view: MatrixView<T>) -> (sum: Double, squares: Double) {
    let wide = Matrix<Double>(rows: 1, columns: (view.columns + 7) / 8 * 8)
    var (sums, squares) = (SIMD8<Double>.zero, SIMD8<Double>.zero)
    for i in 0..<view.rows {
      T.widen(view.pointer + i * view.stride, wide.pointer, view.columns)
      for k in stride(from: 0, to: wide.columns, by: 8) {
        let part = UnsafeRawPointer(wide.pointer + k).loadUnaligned(as: SIMD8<Double>.self)
        sums += part
        squares += part * part
      }
    }
    return withExtendedLifetime(wide) { (sums.sum(), squares.sum()) }
  }
}
