import LinearAlgebra
import Runtime

extension WeightPanel {
  /// *Local.* (B_I s_I): B_I = H_I A and the sums of the rows of H_I - h, (chunk rows x (outputs + 1)), in double; and to `total` what
  /// the means alone give. With S_ibc = sum over samples j of centre b of H_ij A_jc, row i of centre a has the gradient sum over b of
  /// W_ibc m_b: W = S but for b = a, where W_iac = -(sum over b != a of S_ibc).
  func products(
    _ agop: PairwiseAGOP<T>, _ rows: PairwiseRows<T>, _ terms: SampleTerms<T>, into total: PairwiseTotal<T>
  ) -> Matrix<Double> {
    let products = Matrix<Double>(rows: range.count, columns: terms.outputs + 1)
    let centres = rows.centres.rows
    let squares = (0..<agop.pool.count).map { _ in Matrix<Double>(rows: centres, columns: centres) }
    let (layout, constant) = (agop.layout, terms.constantSums)
    let most = Self.productRows(layout.largestSegment, layout.tileRows, wide: terms.outputs + 1, centres: centres)
    let sides = segments.sides(ofAtMost: min(most, (range.count + agop.pool.count - 1) / agop.pool.count))
    let samples = Self.samplesByCentre(rows, layout)
    agop.pool.forEach(0..<sides.count) { index, worker in
      let side = sides[index].rowRange
      let sums = self.sums(side, samples, centres: centres, terms)
      let owns = sides[index].flatMap { [Int](repeating: rows.centre(of: $0), count: $0.rows.count) }
      for (k, i) in side.enumerated() {
        let own = owns[k]
        let s = sums.rows(k..<(k + 1)).reshaped(rows: centres, columns: terms.outputs + 1)
        let b = products.row(i - self.range.lowerBound)
        for centre in 0..<centres { b[terms.outputs] += s[centre, terms.outputs] }
        for c in 0..<terms.outputs {
          for centre in 0..<centres {
            s[centre, c] += constant[centre, c]
            b[c] += s[centre, c]
          }
          s[own, c] -= b[c]
        }
        let w = s.columns(0..<terms.outputs)
        multiply(w, w, transposeB: true, beta: 1, into: squares[worker].view)
      }
    }
    for square in squares { for k in 0..<square.count { total.means.pointer[k] += square.pointer[k] } }
    return products
  }

  /// Bytes that `products` and `SampleTerms.learn` take one after the other.
  static func productBytes(rows: Int, _ sizes: AGOPCost) -> Int {
    let (wide, centres) = (sizes.outputs + 1, sizes.centres)
    // Rows are deviations from class means, or from the mean of all.
    let sums = [1, centres].map { count in
      min(rows, productRows(sizes.segmentRows, sizes.tileRows, wide: wide, centres: count)) * wide
        * (count * 8 + MemoryLayout<T>.stride)
    }
    let most = centres * centres * 8 + (sums.max() ?? 0)
    return rows * wide * 8 + max(sizes.threads * most, SampleTerms<T>.learnBytes(sizes))
  }

  /// Rows whose sums by centre are made at a time: a segment's at the least, and of small classes so many that they stay in the cache.
  private static func productRows(_ segmentRows: Int, _ tileRows: Int, wide: Int, centres: Int) -> Int {
    max(segmentRows, min(tileRows, (1 << 20) / max(1, wide * centres)))
  }

  /// All samples in runs of one centre, of at most a tile's height; rows are places among all.
  private static func samplesByCentre(_ rows: PairwiseRows<T>, _ layout: Layout) -> [Segment] {
    var runs: [Segment] = []
    for rank in 0..<layout.ranks {
      let first = layout.shard(of: rank).lowerBound
      for segment in layout.segments(of: rank) {
        let (place, centre) = (segment.rows.shifted(by: first), rows.centre(of: segment))
        if let last = runs.last, last.centre == centre, place.upperBound - last.rows.lowerBound <= layout.tileRows {
          runs[runs.count - 1].rows = last.rows.lowerBound..<place.upperBound
        } else {
          runs.append(Segment(rows: place, centre: centre))
        }
      }
    }
    return runs
  }

  /// Of some rows the sums of (H - h) A by centre, and last of each those of H - h; (rows x (centres (outputs + 1))).
  private func sums(
    _ range: Range<Int>, _ samples: [Segment], centres: Int, _ terms: SampleTerms<T>
  ) -> Matrix<Double> {
    let width = terms.outputs + 1
    let sums = Matrix<Double>(rows: range.count, columns: centres * width)
    let product = Matrix<T>(uninitialisedRows: range.count, columns: width)
    let h = weights(range)
    for run in samples {
      multiply(h.columns(run.rows), terms.coefficientsAndOnes(run.rows), into: product.view)
      for i in 0..<product.rows {
        T.accumulate(
          product.pointer + i * width, sums.pointer + i * sums.columns + run.centre * width, width)
      }
    }
    return sums
  }
}
