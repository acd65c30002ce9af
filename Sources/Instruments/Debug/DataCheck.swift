import Datasets
import DeepRFM
import LinearAlgebra

extension DebugProblem {
  /// Standardised rows of unit norm in the order of their classes, against the formulas on the file's samples.
  public func checkData(
    reference: (Matrix<Double>, [Int]) -> Matrix<Double> = Reference.unitRows
  ) throws -> [Check] {
    let options = training.options
    let data = try Dataset.open(
      options.dataset, directory: options.data, seed: options.seed, trainSamples: n, testSamples: 0,
      variant: options.datasetVariant)
    let file: Matrix<Double> = try loadRows(Array(0..<n), data.train)
    let expected = reference(file, try fileLabels(data))
    let (mean, scale) = Reference.standardisation(file)
    let found = samples.standardisation
    return [
      // The norm hides a common factor of all scales, so they are looked at themselves.
      Check("data: mean", error: relativeError(found.mean, mean), bound: 1e-13),
      Check("data: 1 / scale", error: relativeError(found.scale.map { 1 / $0 }, scale.map { 1 / $0 }), bound: 1e-13),
      Check("data: standardised unit rows", error: relativeError(x, expected), bound: 1e-13),
    ] + checkValues()
  }

  /// Each sample's class, in the file's order; its group where values are predicted, which is the program's own choice.
  private func fileLabels(_ data: Dataset) throws -> [Int] {
    if samples.targets.classes != nil { return try data.classes().numbers(of: data.train.labels(first: n)) }
    var groups = [Int](repeating: 0, count: n)
    for (position, index) in samples.order.enumerated() { groups[index] = labels[position] }
    return groups
  }

  private func checkValues() -> [Check] {
    guard let scale = samples.targets.values, let values = samples.values else { return [] }
    return [Check("data: standardised values", error: relativeError(scale.standardised(values), y), bound: 1e-13)]
  }
}
