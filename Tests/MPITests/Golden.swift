import Foundation
import LinearAlgebra

/// Tests/Golden: values of an independent program in float64.
enum Golden {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Golden")

  static func read<Value: Decodable>(_ name: String, as type: Value.Type) throws -> Value {
    try JSONDecoder().decode(Value.self, from: Data(contentsOf: folder.appending(path: name + ".json")))
  }

  /// Names of the four combinations.
  static let combinations = ["laplace-relu", "laplace-cosine", "gaussian-relu", "gaussian-cosine"]

  struct Options: Decodable, Sendable {
    let kernel: String
    let bandwidth: Double
    let ridge: Double
    let features: String
    let featureScale: Double
    let seed: UInt64
    let layers: Int
    let width: Int
    let classes: Int
  }

  struct Stages: Decodable, Sendable {
    let input: Double
    let projected: Double
    let mapped: Double
    var values: [Double] { [input, projected, mapped] }
  }

  struct Splits: Decodable, Sendable {
    let train: Double
    let test: Double
  }

  typealias Rows = [[Double]]

  /// Twelve samples: equal ones with equal and with different labels, a class with one sample, an absent class, a constant
  /// feature, a sample that standardises to zero.
  struct Tiny: Decodable, Sendable {
    let options: Options
    let input: Input
    let order: [Int]
    let mean: [Double]
    let scale: [Double]
    let layers: [Layer]

    struct Input: Decodable, Sendable {
      let trainX: Rows
      let trainY: [Int]
      let testX: Rows
      let testY: [Int]
    }

    struct Layer: Decodable, Sendable {
      let x, testX, kernel, coefficients, predictions, testPredictions: Rows
      let agopUnscaled, agop, root, weights, projected, mapped: Rows
      let phases: [Double]?
      let nc1, nc2: Stages
      let accuracy, meanSquaredError: Splits
    }
  }

  /// 300 training and 200 test digits: norms and some entries of every matrix.
  struct Digits: Decodable, Sendable {
    let options: Options
    let order: [Int]
    let mean: [Double]
    let scale: [Double]
    let layers: [Layer]

    struct Layer: Decodable, Sendable {
      let nc1, nc2: Stages
      let accuracy, meanSquaredError: Splits
      let agopTrace: Double
      let coefficients, agop, root, weights: Summary
    }

    struct Summary: Decodable, Sendable {
      let frobenius: Double
      /// [row, column, value]
      let entries: Rows
    }
  }
}

extension Matrix<Double> {
  convenience init(_ rows: Golden.Rows) {
    self.init(rows: rows.count, columns: rows.first?.count ?? 0, rows.flatMap { $0 })
  }
}
