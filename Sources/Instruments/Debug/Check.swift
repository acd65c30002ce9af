import LinearAlgebra
import MPI
import Runtime

/// What a check found: how far the program is from a reference implementation, without a unit, and how far it may be.
public struct Check: Sendable, Equatable {
  let name: String
  let error: Double
  let bound: Double
  /// Why there is no error to tell, where the check itself broke off.
  let note: String?

  public init(_ name: String, error: Double, bound: Double, note: String? = nil) {
    self.name = name
    self.error = error
    self.bound = bound
    self.note = note
  }

  /// Not `error > bound`: a NaN fails.
  public var passed: Bool { error <= bound }
}

/// |a - b| / |b| over all elements, b the reference implementation's. 0 where nothing differs, be it zeros or NaNs; NaN where one
/// alone is NaN.
public func relativeError(_ a: some Collection<Double>, _ b: some Collection<Double>) -> Double {
  guard a.count == b.count else { return .infinity }
  var difference = 0.0
  var scale = 0.0
  for (x, y) in zip(a, b) where !(x.isNaN && y.isNaN) {
    difference += (x - y) * (x - y)
    scale += y * y
  }
  return difference == 0 ? 0 : (difference / scale).squareRoot()
}

/// |A - B|_F / |B|_F, as for collections; infinite where the shapes differ.
public func relativeError<E: Scalar>(_ a: Matrix<E>, _ b: Matrix<Double>) -> Double {
  guard a.rows == b.rows && a.columns == b.columns else { return .infinity }
  return withExtendedLifetime((a, b)) { relativeError(a.buffer.lazy.map { Double($0) }, b.buffer) }
}

/// Checks as a table, and under it how many failed.
public func table(of checks: [Check]) -> String {
  let width = checks.map(\.name.count).max() ?? 0
  func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }
  var lines = [padded("check", width) + "  error    bound"]
  for check in checks {
    let numbers = [check.error, check.bound].map { padded(Format.scientific($0, digits: 1), 7) }
    let verdict = (check.passed ? "ok" : "FAIL") + (check.note.map { ": \($0)" } ?? "")
    lines.append(padded(check.name, width) + "  \(numbers[0])  \(numbers[1])  " + verdict)
  }
  lines.append("\(checks.count) checks, \(checks.count { !$0.passed }) failed")
  return lines.joined(separator: "\n") + "\n"
}
