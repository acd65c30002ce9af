import LinearAlgebra
import Runtime

extension KernelOperator {
  /// *Collective.* Gives tiles between two centres factors where these are smaller; returns the bytes that they take. Tries a few, and the
  /// rest only if they gain: where classes have not drawn together yet that costs next to nothing.
  func compress(by rule: TileCompression, within budget: Int, _ stop: StopSwitch?) throws -> Int {
    guard rule.largestEntry > 0 else { return 0 }
    let sketching = Sketching<T>(
      tolerance: rule.tolerance, largestEntry: rule.largestEntry, rows: layout.tileRows, columns: layout.tileRows)
    var left = budget
    compress(step: 0, rows, sketching, &left, stop)
    // The ring need not go round for ranks that will try nothing.
    let goesOn = blocks.count > 1 && compression.pays
    guard try communicating({ try world.maximum(goesOn ? 1 : 0) }) > 0 else { return budget - left }
    var step = 0
    try rows.forEachBlock(steps: schedule.steps) { _, block in
      if step > 0 { compress(step: step, block, sketching, &left, stop) }
      step += 1
    }
    return budget - left
  }

  private func compress(
    step: Int, _ block: Rows<T>, _ sketching: Sketching<T>, _ left: inout Int, _ stop: StopSwitch?
  ) {
    guard compression.pays else { return }
    let tiles = blocks[step].tiles
    let candidates = tiles.indices.filter {
      tiles[$0].isSimple && Sketching.isWorthwhile(tiles[$0].rows, rows, tiles[$0].columns, block)
    }
    let pilots = compression.isOpen ? Self.spread(candidates, CompressionLog.pilots) : []
    let others = candidates.filter { !pilots.contains($0) }
    let batches = [pilots] + (0..<others.count).pieces(ofAtMost: 8 * pool.count).map { Array(others[$0]) }
    for batch in batches where compression.pays && left > 0 && stop?.isRequested != true {
      for (index, factors) in zip(batch, self.factors(batch, step, block, sketching)) {
        compression.note(factors, rows: tiles[index].rows.rows.count, columns: tiles[index].columns.rows.count)
        guard let factors, case let bytes = factors.elements * MemoryLayout<T>.stride, bytes <= left else { continue }
        blocks[step].keep(factors, at: index)
        left -= bytes
      }
    }
  }

  /// So many of some numbers, evenly spread.
  static func spread(_ all: [Int], _ count: Int) -> [Int] {
    all.count <= count ? all : (0..<count).map { all[$0 * all.count / count + all.count / (2 * count)] }
  }

  private func factors(
    _ batch: [Int], _ step: Int, _ block: Rows<T>, _ sketching: Sketching<T>
  ) -> [LowRankApproximation<T>?] {
    let (rows, builder, tiles, side) = (self.rows, self.builder, blocks[step].tiles, layout.tileRows)
    let scratch = (0..<pool.count).map { _ in Matrix<T>(uninitialisedRows: side, columns: paddedForProduct(side)) }
    let results = batch.map { _ in TaskResult<LowRankApproximation<T>>() }
    pool.forEachWhenFree(0..<batch.count) { index, worker in
      let tile = tiles[batch[index]]
      let view = tile.view(of: scratch[worker])
      tile.build(in: view, builder, rows, block, worker: worker)
      results[index].value = sketching.factors(of: view)
    }
    return results.map(\.value)
  }
}
