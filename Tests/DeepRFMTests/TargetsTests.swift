import Datasets
import Instruments
import LinearAlgebra
import Testing

/// What labels are taken for, and the values that are made of them.
@Suite struct TargetsTests {
  private struct Labelled: SampleReader {
    let labels: [Label]
    var mostNumberedClasses = Int.max
    var sampleCount: Int { labels.count }
    var featureCount: Int { 1 }
    var place: String { "made" }

    func labels(first count: Int) throws -> [Label] { Array(labels.prefix(count)) }
    func readRows(_ indices: [Int], _ body: (Int, UnsafeBufferPointer<Double>) throws -> Void) throws {}
  }

  private func kind(_ labels: [Label], _ asked: TargetKind = .auto, most: Int = .max) -> TargetKind {
    asked.decided(for: labels, Labelled(labels: labels, mostNumberedClasses: most))
  }

  @Test func taken() {
    #expect(kind([1, 2, -7]) == .classes)
    #expect(kind(["a", "b"]) == .classes)
    #expect(kind(["a", 0.5]) == .classes)
    #expect(kind([.oneHot(0, of: 2), .oneHot(1, of: 2)]) == .classes)
    #expect(kind([1, 2, 0.5]) == .values)
    #expect(kind([.row([0, 1]), .row([1, 1])]) == .values)
    #expect(kind([1, 2], .values) == .values)
    #expect(kind([0.5], .classes) == .classes)
    let whole = (0..<21).map { Label($0) }
    #expect(kind(Array(whole.dropLast()) + whole.dropLast(), most: 20) == .classes)
    #expect(kind(whole, most: 20) == .values)
    #expect(kind(whole) == .classes)
  }

  private func matrix(_ rows: [[Double]]) -> Matrix<Double> {
    Matrix(rows: rows.count, columns: rows[0].count, rows.flatMap { $0 })
  }

  @Test func scale() throws {
    let values = matrix([[1, 7, 1e9 + 1], [2, 7, 1e9 + 3], [6, 7, 1e9 + 5]])
    let scale = try ValueScale(of: values, place: "y")
    #expect(scale.mean == [3, 7, 1e9 + 3])
    let wanted: [Double] = [Double(7).squareRoot(), 0, 2]
    #expect(relativeError(scale.scale, wanted) < 1e-15)
    let y = scale.standardised(values)
    #expect((0..<3).allSatisfy { y[$0, 1] == 0 } && y[2, 2] == 1)
    #expect(relativeError(scale.inOwnUnits(y).values, values.values) < 1e-15)
    // A constant output is its mean, whatever is predicted.
    #expect(scale.inOwnUnits(matrix([[0, 5, 0]]))[0, 1] == 7)
  }

  @Test func nothingToLearn() {
    for rows in [[[5.0], [5]], [[1, 2], [1, 2], [1, 2]], [[3, 4]]] {
      expectComplaint(complaint { _ = try ValueScale(of: matrix(rows), place: "y") }, "y", "nothing to learn")
    }
    expectComplaint(complaint { _ = try ValueScale(of: matrix([[1e200], [-1e200]]), place: "y") }, "y", "output 0")
    expectComplaint(complaint { _ = try ValueScale(of: matrix([[0], [1e-320]]), place: "y") }, "y", "output 0")
  }

  @Test func rowsOfValues() throws {
    let one = try ValueScale.matrix(of: [.oneHot(1, of: 3), .row([0.5, 2, 3])], place: "y")
    #expect(one.values == [0, 1, 0, 0.5, 2, 3])
    expectComplaint(complaint { _ = try ValueScale.matrix(of: [1, "x"], place: "y") }, "y has label x at sample 1")
    expectComplaint(
      complaint { _ = try ValueScale.matrix(of: [1, .row([1, 2])], place: "y") }, "2 values at sample 1")
    expectComplaint(complaint { _ = try ValueScale.matrix(of: [1], outputs: 2, place: "y") }, "1 values at sample 0")
  }
}
