import LinearAlgebra

/// What training makes small. Raw values are those of `--loss`.
public enum LossKind: String, Sendable, Codable, CaseIterable {
  /// The mean over rows and outputs of (f - t)^2, t = 1 at the class and -1 elsewhere.
  case mse
  /// The mean over rows of log sum exp f - f_class.
  case crossEntropy = "cross-entropy"
}

/// How good some rows' outputs are, as sums: ranks and batches add up.
public struct Score: Sendable, Equatable {
  /// Of the rows' losses.
  public var loss = 0.0
  public var correct = 0.0
  public var rows = 0.0

  init() {}

  init(_ values: [Double]) { (loss, correct, rows) = (values[0], values[1], values[2]) }

  var values: [Double] { [loss, correct, rows] }

  static func += (a: inout Score, b: Score) {
    a.loss += b.loss
    a.correct += b.correct
    a.rows += b.rows
  }

  var meanLoss: Double { loss / rows }
  var accuracy: Double { correct / rows }
}

extension LossKind {
  /// *Local.* The score of some rows and, where `gradient` is given, the gradient of the batch's mean loss in the outputs.
  /// - Parameters:
  ///   - outputs: (rows x classes).
  ///   - labels: a class a row, or -1: a label that no training sample has.
  ///   - batchRows: of all ranks, over which the gradient's mean is.
  package func score<T: NetworkReal>(
    _ outputs: MatrixView<T>, _ labels: UnsafePointer<Int32>, batchRows: Int = 1, gradient: MatrixView<T>? = nil
  ) -> Score {
    var score = Score()
    let (rows, classes) = (outputs.rows, outputs.columns)
    score.rows = Double(rows)
    guard rows > 0 else { return score }
    let share = 1 / Double(batchRows)
    switch self {
    case .mse:
      // d/df of the mean of (f - t)^2 over rows and outputs.
      score.loss =
        T.squareLoss(outputs.pointer, labels, rows, classes, 2 * share / Double(classes), gradient?.pointer)
        / Double(classes)
    case .crossEntropy:
      score.loss = T.crossEntropy(outputs.pointer, labels, rows, classes, share, gradient?.pointer)
    }
    score.correct = Double(T.countCorrect(outputs.pointer, labels, rows, classes))
    return score
  }
}
