import LinearAlgebra
import Runtime

extension KernelOperator {
  /// *Collective.* y = K v, for v and y (own rows x columns). The deviations are multiplied in precision `V`: T for the
  /// solver's iterations, Double where the true residual is wanted.
  /// - Parameters:
  ///   - exactly: tiles that have factors are made anew from the rows, so that nothing of what the factors lose is left.
  ///   - stop: breaks the product off; the caller then asks the ranks whether it was set, and uses no result.
  @specialized(where T == Float, V == Float)
  @specialized(where T == Float, V == Double)
  @specialized(where T == Double, V == Double)
  public func apply<V: Real>(
    _ v: Matrix<Double>, into y: Matrix<Double>, in precision: V.Type, exactly: Bool = false, stop: StopSwitch? = nil
  ) throws {
    precondition(v.rows == rows.rowCount && y.rows == v.rows && y.columns == v.columns)
    let exchange = try VectorExchange<V>(v, operator: self)
    var step = 0
    do {
      try applyConstants(v, into: y)
      var pairs = blocks[...]
      try rows.forEachBlock(steps: exactly ? circulatingExactly : circulating) { _, block in
        if let pair = pairs.popFirst() { try add(pair, step, block, exchange, to: y, exactly, stop) }
        step += 1
      }
      for pair in pairs {
        try add(pair, step, nil, exchange, to: y, exactly, stop)
        step += 1
      }
      for part in try communicating({ try exchange.finish() }) { add(part, to: y) }
    } catch {
      exchange.cancel()
      throw error
    }
  }

  /// *Collective.* y_i = sum over classes b of c_ab (1^T v_b), a the class of row i.
  private func applyConstants(_ v: Matrix<Double>, into y: Matrix<Double>) throws {
    let products = builder.constants(times: try rows.sumByCentre(v), pool)
    let segments = rows.segments
    pool.forEach(0..<segments.count) { index, _ in
      for i in segments[index].rows { _ = y.row(i).update(fromContentsOf: products.row(segments[index].centre)) }
    }
  }

  /// Adds what one pair of blocks gives to the own rows, and sends what it gives to the other's. - Parameter step: the pair's place.
  private func add<V: Real>(
    _ pair: PairBlock<T>, _ step: Int, _ block: Rows<T>?, _ exchange: VectorExchange<V>, to y: Matrix<Double>,
    _ exactly: Bool, _ stop: StopSwitch?
  ) throws {
    let vector = try communicating { try exchange.vector(of: pair.other) }
    let transposed = workspace.vectors(V.self).transposed.matrix(rows: vector.columns, columns: vector.rows)
    transpose(vector, into: transposed)
    let sums = multiply(pair, step, block, exchange.own, transposed, exactly, stop)
    addRows(of: sums, to: y)
    guard pair.other != world.rank else { return addColumns(of: sums, to: y.view) }
    let other = workspace.outgoing[step].matrix(rows: pair.otherRows, columns: y.columns)
    other.fill(0)
    addColumns(of: sums, to: other)
    try exchange.send(other, to: pair.other)
  }

  /// E v, and transposed E^T v, of one pair of blocks, as the sums of each run of its tiles.
  /// - Parameter other: the other block's vectors transposed, (columns x other rows).
  private func multiply<V: Real>(
    _ pair: PairBlock<T>, _ step: Int, _ block: Rows<T>?, _ own: MatrixView<V>, _ other: MatrixView<V>,
    _ exactly: Bool, _ stop: StopSwitch?
  ) -> [RunSums] {
    let (tiles, tileRows, columns) = (pair.tiles, layout.tileRows, own.columns)
    let (rows, builder, pool) = (self.rows, self.builder, self.pool)
    let runs = workspace.runs[step]
    let sums = runs.map { $0.sums(vectors: columns) }
    pool.forEachWhenFree(0..<runs.count) { run, worker in
      let (sums, product) = (sums[run], TileProduct<T, V>(tileRows: tileRows, vectors: columns))
      sums.clear()
      var scratch: Matrix<T>?
      for tile in tiles[runs[run].tiles] {
        if stop?.isRequested == true { break }
        let (ownSums, otherSums) = sums.parts(for: tile)
        switch tile.storage {
        case .dense(let deviation): product.add(tile, deviation, own, other, ownSums, otherSums)
        case .lowRank(let factors) where !exactly: product.add(tile, factors, own, other, ownSums, otherSums)
        case .recomputed, .lowRank:
          guard let block else { continue }
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

  private func transpose<V: Real>(_ v: MatrixView<V>, into result: MatrixView<V>) {
    pool.forEachPart(of: v.rows) { part, _ in
      for c in 0..<v.columns { for i in part { result[c, i] = v[i, c] } }
    }
  }

  private func add(_ part: MatrixView<Double>, to y: Matrix<Double>) {
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

  private func addColumns(of sums: [RunSums], to y: MatrixView<Double>) {
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
