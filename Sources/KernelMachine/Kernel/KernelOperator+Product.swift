import LinearAlgebra
import Runtime

extension KernelOperator {
  /// *Collective.* y = K v, for v and y (own rows x columns). The deviations are multiplied in precision `V`: T for the
  /// solver's iterations, Double where the true residual is wanted.
  /// - Parameter stop: breaks the product off; the caller then asks the ranks whether it was set, and uses no result.
  public func apply<V: Real>(_ v: Matrix<Double>, into y: Matrix<Double>, in precision: V.Type, stop: StopSwitch? = nil)
    throws
  {
    precondition(v.rows == rows.rowCount && y.rows == v.rows && y.columns == v.columns)
    let exchange = try VectorExchange<V>(v, operator: self)
    do {
      try applyConstants(v, into: y)
      var pairs = blocks[...]
      try rows.forEachBlock(steps: circulating) { _, block in
        if let pair = pairs.popFirst() { try add(pair, block, exchange, to: y, stop) }
      }
      for pair in pairs { try add(pair, nil, exchange, to: y, stop) }
      for part in try communicating({ try exchange.finish() }) { add(part, to: y) }
    } catch {
      exchange.cancel()
      throw error
    }
  }

  /// *Collective.* y_i = sum over classes b of c_ab (1^T v_b), a the class of row i.
  private func applyConstants(_ v: Matrix<Double>, into y: Matrix<Double>) throws {
    let sums = try rows.sumByCentre(v)
    let classes = sums.rows
    let products = Matrix<Double>(rows: classes, columns: v.columns)
    for a in 0..<classes {
      for b in 0..<classes {
        let c = builder.constant(a, b)
        for k in 0..<v.columns { products[a, k] += c * sums[b, k] }
      }
    }
    let segments = rows.segments
    pool.forEach(0..<segments.count) { index, _ in
      for i in segments[index].rows { _ = y.row(i).update(fromContentsOf: products.row(segments[index].centre)) }
    }
  }

  /// Adds what one pair of blocks gives to the own rows, and sends what it gives to the other's.
  private func add<V: Real>(
    _ pair: PairBlock<T>, _ block: Rows<T>?, _ exchange: VectorExchange<V>, to y: Matrix<Double>,
    _ stop: StopSwitch?
  ) throws {
    let vector = try communicating { try exchange.vector(of: pair.other) }
    let sums = multiply(pair, block, exchange.own, transposed(vector), stop)
    addRows(of: sums, to: y)
    let other = pair.other == world.rank ? y : Matrix<Double>(rows: pair.otherRows, columns: y.columns)
    addColumns(of: sums, to: other)
    if pair.other != world.rank { try exchange.send(other, to: pair.other) }
  }

  /// E v, and transposed E^T v, of one pair of blocks, as the sums of each run of its tiles.
  /// - Parameter other: the other block's vectors transposed, (columns x other rows).
  private func multiply<V: Real>(
    _ pair: PairBlock<T>, _ block: Rows<T>?, _ own: Matrix<V>, _ other: Matrix<V>, _ stop: StopSwitch?
  ) -> [RunSums] {
    let (tiles, tileRows, columns) = (pair.tiles, layout.tileRows, own.columns)
    let (rows, builder, pool) = (self.rows, self.builder, self.pool)
    let runs = pair.runs(workers: pool.count)
    let sums = runs.map { RunSums(of: tiles[$0], columns: columns) }
    pool.forEachWhenFree(0..<runs.count) { run, worker in
      let (sums, product) = (sums[run], TileProduct<T, V>(tileRows: tileRows, vectors: columns))
      sums.clear()
      var scratch: Matrix<T>?
      for tile in tiles[runs[run]] {
        if stop?.isRequested == true { break }
        let (ownSums, otherSums) = sums.parts(for: tile)
        if let deviation = tile.stored {
          product.add(tile, deviation, own, other, ownSums, otherSums)
        } else if let block {
          let memory = scratch ?? Matrix(uninitialisedRows: tileRows, columns: paddedForProduct(tileRows))
          scratch = memory
          tile.build(in: tile.view(of: memory), builder, rows, block, worker: worker)
          product.add(tile, tile.view(of: memory), own, other, ownSums, otherSums)
        }
        pool.breathe(worker)
      }
    }
    return sums
  }

  private func transposed<V: Real>(_ v: Matrix<V>) -> Matrix<V> {
    let result = Matrix<V>(uninitialisedRows: v.columns, columns: v.rows)
    pool.forEachPart(of: v.rows) { part, _ in
      for c in 0..<v.columns { for i in part { result[c, i] = v[i, c] } }
    }
    return result
  }

  private func add(_ part: Matrix<Double>, to y: Matrix<Double>) {
    pool.forEachPart(of: y.count) { range, _ in for k in range { y.pointer[k] += part.pointer[k] } }
  }

  private func addRows(of sums: [RunSums], to y: Matrix<Double>) {
    pool.forEachPart(of: y.rows) { range, _ in
      for sum in sums {
        let rows = range.clamped(to: sum.rows)
        let from = sum.own.pointer - sum.rows.lowerBound * y.columns
        for k in (rows.lowerBound * y.columns)..<(rows.upperBound * y.columns) { y.pointer[k] += from[k] }
      }
    }
  }

  private func addColumns(of sums: [RunSums], to y: Matrix<Double>) {
    pool.forEachPart(of: y.rows) { range, _ in
      // Few rows at a time: they stay in the L1 cache.
      for batch in range.pieces(ofAtMost: 128) {
        for sum in sums {
          let rows = batch.clamped(to: sum.columns)
          for c in 0..<y.columns {
            let (from, to) = (sum.other.pointer + c * sum.columns.count - sum.columns.lowerBound, y.pointer + c)
            for i in rows { to[i * y.columns] += from[i] }
          }
        }
      }
    }
  }
}

/// What a run of tiles gives to its own rows and, transposed, to the other block's that its columns are.
private struct RunSums: Sendable {
  let rows, columns: Range<Int>
  /// (rows x vectors) and (vectors x columns), not cleared.
  let own, other: Matrix<Double>

  init<T: Real>(of tiles: ArraySlice<KernelTile<T>>, columns vectors: Int) {
    rows = tiles.map(\.rows.rows).hull
    columns = tiles.map(\.columns.rows).hull
    own = Matrix(uninitialisedRows: rows.count, columns: vectors)
    other = Matrix(uninitialisedRows: vectors, columns: columns.count)
  }

  func clear() {
    own.view.fill(0)
    other.view.fill(0)
  }

  func parts<T: Real>(for tile: KernelTile<T>) -> (own: MatrixView<Double>, other: MatrixView<Double>) {
    (
      own.rows(tile.rows.rows.shifted(by: -rows.lowerBound)),
      other.view.columns(tile.columns.rows.shifted(by: -columns.lowerBound))
    )
  }
}
