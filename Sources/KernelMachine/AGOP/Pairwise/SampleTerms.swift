import LinearAlgebra
import Runtime

/// What `PairwiseAGOP` knows of all samples: A, B = H A, and s, the sums of the rows of H - h.
///
/// **The constant.** In data that has not collapsed all weights are nearly the same, and H^2 and H A nearly cancel. So H = h 1 1^T + E
/// with h the weight at the mean distance, and (docs/method.md)
///
///     Q = (A A^T) o E^2 - (A B^T + B A^T) o E + diag(|b_i|^2) + sum over outputs c of (p_c a_c^T + a_c p_c^T)
///     p_c = h (a_c o s - b_c) + h^2 N a_c / 2
///
/// What is large is left in p, in double precision and of a low rank; no entry of Q in T has it.
final class SampleTerms<T: Real>: @unchecked Sendable {
  let outputs: Int
  /// h
  let shift: T
  /// h times the sums of A by centre; (centres x outputs).
  let constantSums: Matrix<Double>
  private let rows: PairwiseRows<T>
  private let classCounts: [Int]
  /// (A 1) of all samples; (samples x (outputs + 1)).
  private let ones: Matrix<T>
  /// (A B) and (B A) of all samples, so that (A B)(B A)^T = A B^T + B A^T; (samples x (2 outputs)).
  private let ab, ba: Matrix<T>
  /// (B s); (samples x (outputs + 1)).
  private let exact: Matrix<Double>

  /// *Collective.* B is 0 until it is learnt. - Parameter a: (own rows x outputs)
  init(
    _ a: Matrix<Double>, shift: T, _ rows: PairwiseRows<T>, _ shard: Rows<T>
  ) throws {
    let layout = shard.layout
    (outputs, self.shift, self.rows, classCounts) = (a.columns, shift, rows, layout.classCounts)
    ones = Matrix(rows: layout.sampleCount, columns: outputs + 1)
    ab = Matrix(rows: layout.sampleCount, columns: 2 * outputs)
    ba = Matrix(rows: layout.sampleCount, columns: 2 * outputs)
    exact = Matrix(rows: layout.sampleCount, columns: outputs + 1)
    constantSums = Matrix(rows: rows.centres.rows, columns: outputs)
    let all = try CoefficientBlocks<T>(a.converted(), shard)
    for rank in 0..<layout.ranks {
      let (block, first) = (all.block(of: rank), layout.shard(of: rank).lowerBound)
      for i in 0..<block.rows {
        for c in 0..<outputs {
          ones[first + i, c] = block[i, c]
          ab[first + i, c] = block[i, c]
          ba[first + i, outputs + c] = block[i, c]
        }
        ones[first + i, outputs] = 1
      }
    }
    addByCentre(to: constantSums) { Double(shift) * coefficient($0, $1) }
  }

  static func bytes(_ sizes: AGOPCost) -> Int {
    let (n, k) = (sizes.samples, sizes.outputs)
    return n * ((k + 1 + 4 * k) * MemoryLayout<T>.stride + (k + 1) * 8) + sizes.centres * k * 8
  }

  /// Bytes that `learn` takes meanwhile.
  static func learnBytes(_ sizes: AGOPCost) -> Int { sizes.samples * (sizes.outputs + 1) * 8 }

  /// *Collective.* Takes in all ranks' products. - Parameters:
  ///   - own: rows of (B s).
  ///   - place: where they belong among all samples.
  func learn(_ own: Matrix<Double>, at place: Range<Int>, _ context: Context) throws {
    let all = Matrix<Double>(rows: exact.rows, columns: exact.columns)
    for (k, i) in place.enumerated() { for c in 0...outputs { all[i, c] = own[k, c] } }
    try context.communicating { try context.world.sum(all.buffer) }
    for i in 0..<all.rows {
      for c in 0..<outputs {
        ab[i, outputs + c] += T(all[i, c])
        ba[i, c] += T(all[i, c])
      }
    }
    for k in 0..<all.count { exact.pointer[k] += all.pointer[k] }
  }

  var saved: [SavedTensor] { [SavedTensor("ab", ab), SavedTensor("ba", ba), SavedTensor("exact", exact)] }

  /// Throws `CheckpointError`.
  func restore(_ saved: [SavedTensor]) throws {
    try saved.restore("ab", into: ab)
    try saved.restore("ba", into: ba)
    try saved.restore("exact", into: exact)
  }

  /// A of some samples.
  func coefficients(_ samples: Range<Int>) -> MatrixView<T> { ab.rows(samples).columns(0..<outputs) }

  /// (A 1) of some samples.
  func coefficientsAndOnes(_ samples: Range<Int>) -> MatrixView<T> { ones.rows(samples) }

  /// (A B) of some samples.
  func both(_ samples: Range<Int>) -> MatrixView<T> { ab.rows(samples) }

  /// (B A) of some samples.
  func swapped(_ samples: Range<Int>) -> MatrixView<T> { ba.rows(samples) }

  /// |b_i|^2 of one sample.
  func squaredProduct(_ sample: Int) -> T {
    var sum = 0.0
    for b in ba.rows(sample..<(sample + 1)).columns(0..<outputs).row(0) { sum += Double(b) * Double(b) }
    return T(sum)
  }

  // MARK: The part of low rank, once all is learnt

  private func coefficient(_ sample: Int, _ output: Int) -> Double { Double(ab[sample, output]) }

  /// p of one sample.
  private func partner(_ sample: Int, _ output: Int) -> Double {
    let (h, a) = (Double(shift), coefficient(sample, output))
    return h * (a * exact[sample, outputs] - exact[sample, output]) + h * h * Double(exact.rows) / 2 * a
  }

  /// (A P) of some samples; (samples x (2 outputs)). *Local.*
  func lowRankFactors(_ samples: Range<Int>) -> Matrix<Double> {
    let factors = Matrix<Double>(uninitialisedRows: samples.count, columns: 2 * outputs)
    for (k, i) in samples.enumerated() {
      for c in 0..<outputs { (factors[k, c], factors[k, outputs + c]) = (coefficient(i, c), partner(i, c)) }
    }
    return factors
  }

  /// (P A), summed over the samples of each centre; (centres x (2 outputs)). *Local.*
  func lowRankSums() -> Matrix<Double> {
    let sums = Matrix<Double>(rows: rows.centres.rows, columns: 2 * outputs)
    addByCentre(to: sums) { $1 < outputs ? partner($0, $1) : coefficient($0, $1 - outputs) }
    return sums
  }

  private func addByCentre(to sums: Matrix<Double>, _ value: (_ sample: Int, _ column: Int) -> Double) {
    var first = 0
    for (index, count) in classCounts.enumerated() {
      let centre = rows.centre(ofClass: index)
      for i in first..<(first + count) { for c in 0..<sums.columns { sums[centre, c] += value(i, c) } }
      first += count
    }
  }
}
