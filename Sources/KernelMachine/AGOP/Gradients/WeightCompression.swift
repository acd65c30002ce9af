import LinearAlgebra
import Runtime

/// The gradient's weights between rows of two centres as thin factors, where that is less work: H_ab ~ L R, so that
/// H_ab diag(A_c) X_b = L (R diag(A_c) X_b) in 2 r / m of the operations.
///
/// The class sums of H A are made of H itself: what the factors lose only ever meets deviations from class means.
final class WeightCompression<T: Real>: @unchecked Sendable {
  private let sketching: Sketching<T>
  private(set) var log = CompressionLog()
  /// What is left of a rectangle, and the products with R, one for each worker.
  private let remainders: [Matrix<T>]
  private let products: [Workspace<T>]

  /// Own rows of a rectangle, of so many in the largest shard: the rank grows more slowly than the sides, but workers want several.
  static func ownRows(shard: Int) -> Int { min(2048, shard) }

  /// - Parameter multiplied: columns that the weights are multiplied by, d K.
  init(tolerance: Double, ownRows: Int, runRows: Int, multiplied: Int, workers: Int) {
    sketching = Sketching(
      tolerance: tolerance, rows: ownRows, columns: runRows, multiplied: Double(multiplied))
    remainders = (0..<workers).map { _ in Matrix(uninitialisedRows: ownRows, columns: runRows) }
    products = (0..<workers).map { _ in Workspace() }
  }

  /// Bytes of it and of a chunk's factors: at most half of the weights, R twice as it is put beside the others.
  static func bytes(rows: Int, _ sizes: AGOPCost) -> Int {
    let (run, own, multiplied) = (sizes.longestRun, ownRows(shard: sizes.rows), Double(sizes.width * sizes.outputs))
    guard sizes.compresses && Sketching<T>.limit(own, run, multiplied: multiplied) > 0 else { return 0 }
    let elements = sizes.threads * own * run + rows * run
    return elements * MemoryLayout<T>.stride + Sketching<T>.bytes(rows: own, columns: run, multiplied: multiplied)
  }

  var saved: [SavedTensor] { [SavedTensor("compression", log.values)] }

  /// Throws `CheckpointError`.
  func restore(_ saved: [SavedTensor]) throws { log = try CompressionLog(saved.values("compression")) }

  /// Neighbouring segments of one centre in one, of at most so many rows.
  static func joined(_ segments: [Segment], limit: Int) -> [Segment] {
    segments.reduce(into: []) { result, segment in
      if let last = result.last, last.centre == segment.centre, last.rows.count + segment.rows.count <= limit {
        result[result.count - 1].rows = last.rows.lowerBound..<segment.rows.upperBound
      } else {
        result.append(segment)
      }
    }
  }

  /// *Local.* The weights cut into factors and what stays dense; nil: all of it.
  /// - Parameters:
  ///   - h: (own rows x run's rows)
  ///   - own, run: what its rows and columns are, joined.
  func split(
    _ h: MatrixView<T>, _ own: [Segment], _ rows: Rows<T>, _ run: [Segment], _ block: Rows<T>
  ) -> SplitWeights<T>? {
    guard log.pays else { return nil }
    var split = SplitWeights<T>(own: own, run: run)
    let pairs = split.pairs.indices.filter {
      Sketching.isWorthwhile(own[split.pairs[$0].row], rows, run[split.pairs[$0].column], block)
    }
    let pilots = log.isOpen ? KernelOperator<T>.spread(pairs, CompressionLog.pilots) : []
    for batch in [pilots, pairs.filter { !pilots.contains($0) }] where log.pays {
      for (index, factors) in zip(batch, self.factors(h, batch.map { split.rectangle($0) }, rows.context.pool)) {
        let (height, width) = (split.rectangle(index).rows.count, split.rectangle(index).columns.count)
        log.note(factors, rows: height, columns: width)
        split.pairs[index].factors = factors
      }
    }
    return split.join() ? split : nil
  }

  private func factors(
    _ h: MatrixView<T>, _ rectangles: [(rows: Range<Int>, columns: Range<Int>)], _ pool: ThreadPool
  ) -> [LowRankApproximation<T>?] {
    let results = rectangles.map { _ in TaskResult<LowRankApproximation<T>>() }
    pool.forEachWhenFree(0..<rectangles.count) { index, worker in
      let source = h.rows(rectangles[index].rows).columns(rectangles[index].columns)
      let rest = self.remainders[worker].reshaped(rows: source.rows, columns: source.columns)
      rest.copy(from: source)
      results[index].value = self.sketching.factors(of: rest)
    }
    return results.map(\.value)
  }

  /// *Local.* G += H X, by pieces of X's columns: each piece of G has one owner, and its terms come in one order.
  func addProduct(
    _ split: SplitWeights<T>, _ h: MatrixView<T>, _ x: MatrixView<T>, to g: MatrixView<T>, _ pool: ThreadPool
  ) {
    let pieces = (0..<x.columns).pieces(ofAtMost: max(128, min(512, x.columns / (2 * pool.count))))
    pool.forEachWhenFree(0..<pieces.count) { index, worker in
      let (x, g) = (x.columns(pieces[index]), g.columns(pieces[index]))
      for part in split.parts {
        let product = self.products[worker].matrix(rows: part.right.rows, columns: x.columns)
        multiply(part.right.view, x.rows(part.columns), into: product)  // R X
        for (left, rows, place) in part.lefts { multiply(left, product.rows(place), beta: 1, into: g.rows(rows)) }
      }
      for (rows, columns) in split.dense {
        multiply(h.rows(rows).columns(columns), x.rows(columns), beta: 1, into: g.rows(rows))
      }
    }
  }
}

/// Weights of some own rows against a run's, rectangle by rectangle of two centres.
struct SplitWeights<T: Real>: @unchecked Sendable {
  struct Pair {
    let row, column: Int
    var factors: LowRankApproximation<T>?
  }

  /// What a run's rows of one centre meet: the R of all factors one below the other, and their L.
  struct Part {
    /// Of the run.
    let columns: Range<Int>
    let right: Matrix<T>
    let lefts: [(left: MatrixView<T>, rows: Range<Int>, place: Range<Int>)]
  }

  private let rows, columns: [Range<Int>]
  var pairs: [Pair]
  private(set) var parts: [Part] = []
  private(set) var dense: [(rows: Range<Int>, columns: Range<Int>)] = []

  init(own: [Segment], run: [Segment]) {
    let (first, start) = (own.rowRange.lowerBound, run.rowRange.lowerBound)
    rows = own.map { $0.rows.shifted(by: -first) }
    columns = run.map { $0.rows.shifted(by: -start) }
    pairs = own.indices.flatMap { i in run.indices.map { Pair(row: i, column: $0) } }
  }

  /// Of the weights.
  func rectangle(_ pair: Int) -> (rows: Range<Int>, columns: Range<Int>) {
    (rows[pairs[pair].row], columns[pairs[pair].column])
  }

  /// Puts side by side what is multiplied together; false: there are no factors.
  mutating func join() -> Bool {
    guard pairs.contains(where: { $0.factors != nil }) else { return false }
    for column in columns.indices {
      let found = pairs.filter { $0.column == column }.compactMap { pair in pair.factors.map { (pair.row, $0) } }
      guard !found.isEmpty else { continue }
      let right = Matrix<T>(uninitialisedRows: found.reduce(0) { $0 + $1.1.rank }, columns: columns[column].count)
      var lefts: [(MatrixView<T>, Range<Int>, Range<Int>)] = []
      for (row, factors) in found {
        let first = lefts.last?.2.upperBound ?? 0
        let place = first..<(first + factors.rank)
        right.rows(place).copy(from: factors.right)
        lefts.append((factors.left, rows[row], place))
      }
      parts.append(Part(columns: columns[column], right: right, lefts: lefts))
    }
    for row in rows.indices {
      let whole = pairs.filter { $0.row == row && $0.factors == nil }.map { columns[$0.column] }
      var joined: [Range<Int>] = []
      for range in whole {
        if let last = joined.last, last.upperBound == range.lowerBound {
          joined[joined.count - 1] = last.lowerBound..<range.upperBound
        } else {
          joined.append(range)
        }
      }
      dense += joined.map { (rows[row], $0) }
    }
    for index in pairs.indices { pairs[index].factors = nil }
    return true
  }
}
