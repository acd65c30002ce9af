import LinearAlgebra

/// How a parameter begins. Numbers are drawn in double by (seed, parameter, row, column), whatever the rank count.
public enum Initialisation: Sendable, Equatable {
  /// In (-bound, bound).
  case uniform(bound: Double)
  /// Around 0.
  case normal(deviation: Double)
  case constant(Double)
}

/// A part of the vector of all parameters.
public struct Parameter: Sendable, Equatable {
  /// Its name in PyTorch's state dict.
  public let name: String
  /// Row-major; (outputs x inputs) of a fully-connected layer, (outputs x inputs x height x width) of a convolution.
  package let shape: [Int]
  public let range: Range<Int>
  public let initialisation: Initialisation

  /// Whose it is, by the state dict's name.
  var layer: String { name.split(separator: ".").dropLast().joined(separator: ".") }
  /// The first dimension, and the product of the others.
  var rows: Int { shape[0] }
  package var columns: Int { range.count / max(1, shape[0]) }
}

/// What a layer keeps from batch to batch and no gradient changes: a part of the vector of all statistics, in double whatever the
/// network's precision.
public struct Statistic: Sendable, Equatable {
  public let name: String
  let range: Range<Int>
  /// Its value before the first batch.
  let initial: Double
  /// A number of batches: an integer of no dimension in the files, as PyTorch has it.
  let isCount: Bool
  /// Never below 0.
  var isVariance: Bool { name.hasSuffix(".running_var") }
}

/// All numbers of a network that training changes: its parameters one behind the other and the layers' statistics, the same on all ranks,
/// and the parameters' gradients.
public final class NetworkWeights<T: NetworkReal> {
  public let parameters: [Parameter]
  public let statistics: [Statistic]
  /// (1 x parameters)
  public let values: Matrix<T>
  /// Over this rank's rows, until the step adds the other ranks' terms to this one's shares; (1 x parameters).
  public let gradients: Matrix<T>
  /// (1 x statistics)
  public let statisticValues: Matrix<Double>

  /// Uninitialised: `draw`, a file or a checkpoint fills it.
  package init(_ parameters: [Parameter], _ statistics: [Statistic]) {
    self.parameters = parameters
    self.statistics = statistics
    let count = parameters.last?.range.upperBound ?? 0
    values = Matrix(uninitialisedRows: 1, columns: count)
    gradients = Matrix(rows: 1, columns: count)
    statisticValues = Matrix(rows: 1, columns: statistics.last?.range.upperBound ?? 0)
    resetStatistics()
  }

  /// *Local.* As before the first batch.
  func resetStatistics() {
    for statistic in statistics { values(of: statistic).update(repeating: statistic.initial) }
  }

  /// Of all parameters.
  public var count: Int { values.count }

  /// A parameter's values, (rows x columns).
  public func matrix(_ parameter: Parameter) -> MatrixView<T> { view(values, parameter) }

  /// Its gradient, (rows x columns).
  package func gradient(_ parameter: Parameter) -> MatrixView<T> { view(gradients, parameter) }

  private func view(_ vector: Matrix<T>, _ parameter: Parameter) -> MatrixView<T> {
    MatrixView(
      vector, pointer: vector.pointer + parameter.range.lowerBound, rows: parameter.rows, columns: parameter.columns,
      stride: parameter.columns)
  }

  /// A statistic's values.
  public func values(of statistic: Statistic) -> UnsafeMutableBufferPointer<Double> {
    UnsafeMutableBufferPointer(rebasing: statisticValues.buffer[statistic.range])
  }

  /// *Local.* Draws the initial values.
  package func draw(seed: UInt64) {
    for (number, parameter) in parameters.enumerated() {
      let stream = RandomStream(seed: seed, layer: number, purpose: .initialWeights)
      let view = matrix(parameter)
      for i in 0..<view.rows {
        let row = view.row(i)
        for j in row.indices {
          row[j] =
            switch parameter.initialisation {
            case .uniform(let bound): T(bound * (2 * stream.uniform(row: i, column: j) - 1))
            case .normal(let deviation): T(deviation * stream.normal(row: i, column: j))
            case .constant(let value): T(value)
            }
        }
      }
    }
  }
}
