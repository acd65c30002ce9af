import LinearAlgebra
import Testing

import Network

/// Losses by hand, and their gradients against central differences.
@Suite struct LossTests {
  private let labels: [Int32] = [2, 0, 1]
  private let outputs: [Double] = [0.5, -1, 2, 3, 0, -2, 0.1, 0.2, 0.3]

  private func score(_ kind: LossKind, _ values: [Double], gradient: MatrixView<Double>? = nil) -> Score {
    let matrix = Matrix<Double>(rows: 3, columns: 3, values)
    return labels.withUnsafeBufferPointer {
      kind.score(matrix.view, $0.baseAddress!, batchRows: 5, gradient: gradient)
    }
  }

  @Test func meanSquaredError() {
    let targets: [Double] = [-1, -1, 1, 1, -1, -1, -1, 1, -1]
    let expected = zip(outputs, targets).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } / 3
    let found = score(.mse, outputs)
    #expect(abs(found.loss - expected) < 1e-14)
    // Rows 0 and 1 are right; in row 2 class 2 is largest.
    #expect(found.correct == 2 && found.rows == 3)
  }

  @Test(arguments: LossKind.allCases) func gradientIsTheBatchMeans(kind: LossKind) {
    let gradient = Matrix<Double>(rows: 3, columns: 3)
    _ = score(kind, outputs, gradient: gradient.view)
    for k in outputs.indices {
      var (above, below) = (outputs, outputs)
      above[k] += 1e-5
      below[k] -= 1e-5
      let difference = (score(kind, above).loss - score(kind, below).loss) / 2e-5 / 5
      #expect(abs(difference - gradient.pointer[k]) < 1e-9)
    }
  }

  @Test func crossEntropyOfLargeOutputs() {
    let found = score(.crossEntropy, [1000, 0, 0, 1000, 0, 0, 0, 0, 0])
    // log sum exp f - f_label: 1000, 0, log 3.
    #expect(abs(found.loss - (1000 + 1.0986122886681098)) < 1e-9)
  }

  /// Of equal outputs the first counts, whatever the label.
  @Test func tiesDoNotLeanToTheLabel() {
    #expect(score(.mse, [Double](repeating: 1, count: 9)).correct == 1)
  }

  @Test func infiniteOutputsShow() {
    #expect(!score(.mse, [Double](repeating: .infinity, count: 9)).loss.isFinite)
    #expect(!score(.crossEntropy, [Double](repeating: .nan, count: 9)).loss.isFinite)
  }
}
