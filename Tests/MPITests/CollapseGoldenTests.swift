import LinearAlgebra
import MPI
import Measures
import Runtime
import TestSupport
import Testing

/// The measures beside Tests/Golden/collapse_float64.py, on any number of ranks.
@Suite struct CollapseGoldenTests {
  /// What the program found of one case.
  struct Found: Decodable {
    let samples, width, classes, smallestClass, largestClass: Int
    let nc1, nc2: [String: Double?]
    let nc3, nc4, nfa: [String: Double?]?
    let decomposition: [String: [String: Double?]]
  }

  struct Case: Decodable {
    let name: String
    let seed: UInt64
    let counts: [Int]
    let width: Int
    let noise, offset: Double
    let activation: String?
    let expected, test: Found
  }

  /// A case's numbers, made as the program makes them, and this rank's part of them.
  private struct Data {
    let x, test, weights, gradients: Matrix<Double>
    let bias: [Double]
    let labels: [Int]

    init(_ golden: Case) {
      var random = SplitMix(state: golden.seed)
      func matrix(_ rows: Int, _ columns: Int) -> Matrix<Double> {
        Matrix(
          rows: rows, columns: columns, (0..<rows * columns).map { _ in Double(random.next() >> 11) * 0x1p-52 - 1 })
      }
      let (k, n, d) = (golden.counts.count, golden.counts.reduce(0, +), golden.width)
      let (means, noise) = (matrix(k, d), matrix(n, d))
      let sorted = golden.counts.enumerated().flatMap { [Int](repeating: $0, count: $1) }
      let step = (n / 2 + 1..<2 * n).first { Self.divisor($0, n) == 1 } ?? 1
      let labels = (0..<n).map { sorted[$0 * step % n] }
      func rows(_ noise: Matrix<Double>, _ scale: Double) -> Matrix<Double> {
        let result = Matrix<Double>(rows: n, columns: d)
        result.fill { (means[labels[$0], $1] + golden.offset) + noise[$0, $1] * scale }
        return result
      }
      let exact = rows(noise, golden.noise)
      x = golden.name == "float32" ? exact.converted(to: Float.self).converted(to: Double.self) : exact
      test = rows(matrix(n, d), 2 * golden.noise)
      weights = matrix(k, d)
      bias = matrix(1, k).values
      gradients = matrix(2 * n, d)
      self.labels = labels
    }

    private static func divisor(_ a: Int, _ b: Int) -> Int { b == 0 ? a : divisor(b, a % b) }
  }

  private static let cases: [Case] = (try? Golden.read("collapse", as: [Case].self)) ?? []

  @Test func thereAreCases() { #expect(Self.cases.count == 9) }

  @Test(arguments: cases.indices)
  func agree(place: Int) throws {
    let golden = Self.cases[place]
    let world = try TestWorld.all
    let context = Context(world: world, host: Host(threads: TestWorld.threads(of: world)))
    let data = Data(golden)
    let map = LinearMap(
      weights: data.weights, bias: data.bias, activation: golden.activation.flatMap { ActivationKind(rawValue: $0) })
    func share(_ count: Int) -> Range<Int> {
      (count * world.rank / world.size)..<(count * (world.rank + 1) / world.size)
    }
    func own(_ whole: Matrix<Double>) -> Matrix<Double> { whole.rows(at: Array(share(whole.rows))) }
    let labels = Array(data.labels[share(data.x.rows)])
    let moments = try ClassMoments(
      of: MatrixRows(own(data.x)), labels: labels, classes: golden.counts.count, map: map, context: context)
    var measures = CollapseMeasures(moments, map: map, pool: context.pool)
    let agop = try gradientOuterProduct(of: MatrixRows(own(data.gradients)), context: context)
    measures.correlation = try FeatureCorrelation(of: map.weights, with: agop, context: context)
    compare(measures, golden.expected, golden.name)
    let test = try ClassMoments(
      of: MatrixRows(own(data.test)), labels: labels, classes: golden.counts.count, map: map, training: moments,
      context: context)
    compare(CollapseMeasures(test, map: map, pool: context.pool), golden.test, "\(golden.name), test")
  }

  private func compare(_ found: CollapseMeasures, _ expected: Found, _ name: String) {
    #expect(
      [found.samples, found.width, found.classes, found.smallestClass, found.largestClass] == [
        expected.samples, expected.width, expected.classes, expected.smallestClass, expected.largestClass,
      ])
    let wanted = [
      "nc1": expected.nc1, "nc2": expected.nc2, "nc3": expected.nc3, "nc4": expected.nc4, "nfa": expected.nfa,
    ]
    .compactMapValues(\.self)
    #expect(Set(found.groups.map(\.name)) == Set(wanted.keys), "\(name)")
    for group in found.groups {
      #expect(group.entries.count == wanted[group.name]?.count, "\(name): \(group.name)")
      for entry in group.entries {
        check(entry.value, wanted[group.name]?[entry.name] ?? nil, "\(name): \(group.name).\(entry.name)")
      }
    }
    let stages = found.decomposition
    for (key, values) in [("nc1", stages?.nc1), ("nc2", stages?.nc2)] {
      #expect(values?.entries.count == expected.decomposition[key]?.count, "\(name): \(key)")
      for entry in values?.entries ?? [] {
        check(
          entry.value, expected.decomposition[key]?[entry.name] ?? nil, "\(name): decomposition.\(key).\(entry.name)")
      }
    }
  }

  private func check(_ found: Double, _ expected: Double?, _ name: String) {
    guard let expected else { return #expect(found.isNaN, "\(name)") }
    // What is 0 but for rounding: a spread of equal cosines.
    #expect(abs(found - expected) <= 1e-10 * abs(expected) + 1e-15, "\(name): \(found) for \(expected)")
  }
}
