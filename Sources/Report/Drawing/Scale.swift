import Glibc

/// Values along an axis.
struct Scale: Sendable, Equatable {
  enum Kind: Sendable {
    case linear, logarithmic
  }

  struct Tick: Sendable, Equatable {
    let value: Double
    let label: String
  }

  let kind: Kind
  let low: Double
  let high: Double
  let ticks: [Tick]

  /// Where a value lies, 0 at `low` and 1 at `high`; nil if the axis cannot show it.
  func position(_ value: Double) -> Double? {
    guard value.isFinite else { return nil }
    switch kind {
    case .linear: return (value - low) / (high - low)
    case .logarithmic:
      guard value > 0 else { return nil }
      return log10(value / low) / log10(high / low)
    }
  }

  /// Whole decades around the values; those not above 0 do not count.
  static func logarithmic(_ values: [Double]) -> Scale {
    let shown = values.filter { $0.isFinite && $0 > 0 }
    var low = Int(floor(log10(shown.min() ?? 0.1) + 1e-9))
    var high = Int(ceil(log10(shown.max() ?? 1) - 1e-9))
    if low == high { (low, high) = (low - 1, high + 1) }
    // At most eight labels; they keep to multiples of the step, so that 1 is one of them.
    let step = (high - low + 7) / 8
    let exponents = (low...high).filter { $0 % step == 0 }
    return Scale(
      kind: .logarithmic, low: pow(10, Double(low)), high: pow(10, Double(high)),
      ticks: exponents.map { Tick(value: pow(10, Double($0)), label: $0 == 0 ? "1" : Figure.power($0)) })
  }

  /// Round numbers around the values. `within` bounds what can be: a fraction does not exceed 1.
  static func linear(
    _ values: [Double], fromZero: Bool = false, within limits: ClosedRange<Double>? = nil,
    label: (Double) -> String = Figure.tick
  ) -> Scale {
    let shown = values.filter(\.isFinite) + (fromZero ? [0] : [])
    var (low, high) = (shown.min() ?? 0, shown.max() ?? 1)
    if high - low < 1e-9 * max(1, abs(high)) {
      (low, high) = (low - max(0.01, abs(low) * 0.05), high + max(0.01, abs(high) * 0.05))
    }
    if let limits { (low, high) = (max(low, limits.lowerBound), min(high, limits.upperBound)) }
    let step = roundStep((high - low) / 4.5)
    let first = floor(low / step + 1e-9)
    let last = ceil(high / step - 1e-9)
    let ticks = stride(from: first, through: last, by: 1).map { Tick(value: $0 * step, label: label($0 * step)) }
    return Scale(kind: .linear, low: first * step, high: last * step, ticks: ticks)
  }

  /// Layers 1 to `last`, a little room at both ends.
  static func layers(_ last: Int) -> Scale {
    let step = max(1, Int(roundStep(Double(last) / 9)))
    // 1, 3, 5, … or 1, 5, 10, …: 1 is always there.
    let marks =
      step <= 2 ? Array(stride(from: 1, through: last, by: step)) : [1] + stride(from: step, through: last, by: step)
    let room = max(0.5, 0.02 * Double(last))
    return Scale(
      kind: .linear, low: 1 - room, high: Double(last) + room,
      ticks: marks.map { Tick(value: Double($0), label: "\($0)") })
  }

  /// The first of 1, 2, 5, 10, … times a power of ten that is not below `step`.
  private static func roundStep(_ step: Double) -> Double {
    let power = pow(10, floor(log10(max(step, 1e-300))))
    return ([1, 2, 5].first { $0 * power >= step * (1 - 1e-9) } ?? 10) * power
  }
}
