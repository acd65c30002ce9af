import Files
import Runtime

/// What a bench found: one JSON object, and the same as a table for people.
public struct BenchReport {
  public private(set) var json: JSON = .object([])
  private var lines: [(name: String, value: String)] = []

  /// A figure at `path`, and its line in the table.
  mutating func add(_ path: String..., value: Double, _ name: String, _ unit: Unit) {
    json.set(JSON(value), at: path[...])
    lines.append((name, unit.text(value)))
  }

  mutating func add(_ path: String..., count: Int, _ name: String) {
    json.set(JSON(count), at: path[...])
    lines.append((name, "\(count)"))
  }

  mutating func add(_ path: String..., text: String, _ name: String) {
    json.set(.string(text), at: path[...])
    lines.append((name, text))
  }

  /// A list of parts at `path`, and a line for each in the table.
  mutating func add(_ path: String..., parts: [(json: JSON, name: String, text: String)]) {
    json.set(.array(parts.map(\.json)), at: path[...])
    lines += parts.map { ($0.name, $0.text) }
  }

  /// How a figure is written for people.
  enum Unit {
    case seconds, gigaflops, gigabytes, share, times, microseconds, plain

    func text(_ value: Double) -> String {
      let digits = value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 4
      switch self {
      case .seconds: return Format.fixed(value, digits: digits) + " s"
      case .gigaflops: return Format.fixed(value, digits: digits) + " GFLOP/s"
      case .gigabytes: return Format.fixed(value, digits: digits) + " GB/s"
      case .share: return Format.fixed(100 * value, digits: 1) + " %"
      case .times: return Format.fixed(value, digits: 2) + " x"
      case .microseconds: return Format.fixed(value, digits: 2) + " us"
      case .plain: return Format.scientific(value, digits: 2)
      }
    }
  }

  /// A line a figure.
  public var table: String {
    let width = (lines.map(\.name.count).max() ?? 0) + 2
    return lines.map { $0.name + String(repeating: " ", count: width - $0.name.count) + $0.value + "\n" }.joined()
  }
}
