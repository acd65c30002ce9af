/// Mean and spread of some runs' figures. Figures that are not finite do not count.
public struct Statistics: Sendable, Equatable {
  public let count: Int
  /// Not a number where none count.
  public let mean: Double
  /// Of the sample, with count - 1; not a number for fewer than two.
  public let deviation: Double
  public let smallest: Double
  public let largest: Double

  public init(_ values: [Double]) {
    let values = values.filter(\.isFinite)
    count = values.count
    mean = values.isEmpty ? .nan : values.reduce(0, +) / Double(values.count)
    let (mean, count) = (mean, count)
    deviation =
      count < 2
      ? .nan : (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count - 1)).squareRoot()
    smallest = values.min() ?? .nan
    largest = values.max() ?? .nan
  }

  /// The mean, and "± deviation" where there is one.
  func text(_ format: (Double) -> String) -> String {
    guard deviation.isFinite else { return format(mean) }
    // Equal but for the rounding of the mean.
    return deviation <= 1e-12 * abs(mean) ? "\(format(mean)) ± 0" : "\(format(mean)) ± \(format(deviation))"
  }
}
