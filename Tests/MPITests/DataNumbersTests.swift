import Datasets
import Files
import LinearAlgebra
import MPI
import Runtime
import Testing

/// Numbers are standardised in float64 from the file's own, in both precisions, and what cannot be is refused.
@Suite(.serialized) struct DataNumbersTests {
  private static let count = 60

  /// Small whole numbers over 8, so that sums with 1e9 and products with powers of two are exact.
  private func plain(_ i: Int, _ k: Int) -> Double {
    let eighths: Int = (i * (7 + 4 * k) + k) % 31
    return Double(eighths) / 8
  }

  private func samples(_ change: (_ value: Double, _ feature: Int) -> Double = { value, _ in value }) -> MadeSamples {
    let rows = (0..<Self.count).map { i in (0..<3).map { change(plain(i, $0), $0) } }
    return MadeSamples(rows: rows, labels: (0..<Self.count).map { Label($0 % 2 == 0 ? -3 : 5) })
  }

  /// *Collective.* All ranks' standardised rows, in the order of the classes.
  private func standardised<T: Scalar & MPIElement>(_ reader: MadeSamples, _: T.Type) throws -> [Double] {
    let world = try TestWorld.all
    let shard = try TrainingShard<T>(reader, world: world)
    #expect(shard.targets.classes?.names == ["-3", "5"])
    return try world.allGather(shard.rows.buffer.map(Double.init)).flatMap { $0 }
  }

  private func difference(_ a: [Double], _ b: [Double]) -> Double {
    a.count == b.count ? zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) } : .infinity
  }

  private func plainFormula(_ reader: MadeSamples) -> [Double] {
    let n = Double(Self.count)
    let columns = (0..<3).map { k in reader.rows.map { $0[k] } }
    let means = columns.map { $0.reduce(0, +) / n }
    let scales = zip(columns, means).map { column, mean in
      (column.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (n - 1)).squareRoot()
    }
    let order = (0..<Self.count).filter { $0 % 2 == 0 } + (0..<Self.count).filter { $0 % 2 == 1 }
    return order.flatMap { i in (0..<3).map { (reader.rows[i][$0] - means[$0]) / scales[$0] } }
  }

  @Test func ordinaryNumbers() throws {
    let reader = samples()
    let plain = plainFormula(reader)
    // n additions of values below 4, over a deviation of about 1.
    #expect(difference(try standardised(reader, Double.self), plain) < 4 * Double(Self.count) * Double.ulpOfOne)
    #expect(difference(try standardised(reader, Float.self), plain) < 4 * Double(Float.ulpOfOne))
  }

  /// Offsets that float32 does not hold beside what varies: the same rows as without.
  @Test(arguments: [1e6, 1e9, -1e9, 1_700_000_000_000, 1e12]) func offsets(offset: Double) throws {
    let plain = plainFormula(samples())
    let moved = samples { value, k in k == 1 ? value : value + offset }
    // The mean is rounded to a double: that of 1e12 to 1e-4.
    let rounding = abs(offset) * Double.ulpOfOne
    #expect(difference(try standardised(moved, Double.self), plain) < 4 * rounding + 1e-13)
    #expect(difference(try standardised(moved, Float.self), plain) < 4 * rounding + 4 * Double(Float.ulpOfOne))
  }

  /// What float32 has no numbers for, up to where the variance has none in float64.
  @Test(arguments: [1e39, 1e-40, 1e-46, 1e100, 1e150, 1e-150, 1e-200, 1e-300]) func scales(factor: Double) throws {
    let plain = plainFormula(samples())
    let scaled = samples { value, k in k == 2 ? value * factor : value }
    #expect(difference(try standardised(scaled, Double.self), plain) < 1e-12)
    #expect(difference(try standardised(scaled, Float.self), plain) < 4 * Double(Float.ulpOfOne))
  }

  @Test func denormals() throws {
    let scaled = samples { value, k in k == 0 ? value * 8 * 0x1p-1070 : value }
    let (wide, narrow) = (try standardised(scaled, Double.self), try standardised(scaled, Float.self))
    #expect(difference(wide, narrow) < 4 * Double(Float.ulpOfOne))
    // The mean is one of the few numbers there are.
    #expect(difference(wide, plainFormula(samples())) < 0.1)
  }

  /// One value far off is standardised as any, as long as its square is a number.
  @Test func oneFarValue() throws {
    var rows = samples().rows
    rows[17][1] = 1e39
    let reader = MadeSamples(rows: rows, labels: samples().labels)
    let (wide, narrow) = (try standardised(reader, Double.self), try standardised(reader, Float.self))
    #expect(difference(wide, narrow) < 4 * Double(Float.ulpOfOne) * 8)
    #expect(abs((wide.max() ?? 0) - 59 / 60.0.squareRoot()) < 1e-12)
  }

  @Test(arguments: [1.79769313486e+308, -1e300, 1e160]) func refused(value: Double) throws {
    var rows = samples().rows
    rows[59][1] = value
    let reader = MadeSamples(rows: rows, labels: samples().labels)
    func refusal<T: Scalar & MPIElement>(_: T.Type) throws {
      let text = message { _ = try standardised(reader, T.self) }
      #expect(text.contains("made") && text.contains("column 1") && text.contains("variance overflows"), "\(text)")
    }
    try refusal(Float.self)
    try refusal(Double.self)
  }

  private func message(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "(no error)"
    } catch { return "\(error)" }
  }

  // MARK: - Nothing to learn

  @Test func oneClass() throws {
    let reader = MadeSamples(rows: samples().rows, labels: [Label](repeating: 4, count: Self.count))
    let text = message { _ = try TrainingShard<Float>(reader, world: TestWorld.all) }
    #expect(text.contains("made") && text.contains("one label (4)"), "\(text)")
    let cut = SampleRange(MadeSamples(rows: samples().rows, labels: (0..<Self.count).map { $0 < 40 ? 1 : 2 }), 0..<30)
    let sorted = message { _ = try TrainingShard<Float>(cut, world: TestWorld.all) }
    #expect(sorted.contains("--samples"), "\(sorted)")
  }

  @Test func equalRows() throws {
    let text = message { _ = try standardised(samples { _, k in 0.1 + Double(k) }, Float.self) }
    #expect(text.contains("made") && text.contains("all 60 samples are equal"), "\(text)")
    // A constant feature beside others becomes 0.
    let rows = try standardised(samples { value, k in k == 1 ? 1.79e308 : value }, Float.self)
    #expect(stride(from: 1, to: rows.count, by: 3).allSatisfy { rows[$0] == 0 })
  }

  // MARK: - Test samples

  private func test(_ labels: [Label], isStrict: Bool = false, far: Double = 0) throws -> TestShard<Float> {
    let world = try TestWorld.all
    let train = try TrainingShard<Float>(samples(), world: world)
    let reader = MadeSamples(rows: labels.indices.map { [Double($0), 2, far] }, labels: labels, place: "other")
    return try TestShard<Float>(reader, train.targets, train.standardisation, isStrict: isStrict, world: world)
  }

  private func classes(_ shard: TestShard<Float>) -> [Int]? {
    if case .classes(let labels)? = shard.known { labels } else { nil }
  }

  @Test func unseenLabels() throws {
    let world = try TestWorld.all
    let some = try test([5, 7, -3, 5, 7.5])
    #expect(try world.allGather(#require(classes(some))).flatMap { $0 } == [1, Classes.unseen, 0, 1, Classes.unseen])
    if world.rank == 0 {
      #expect(some.notes.joined().contains("other has 2 of 5 labels that no training sample has (label 7 at sample 1)"))
    }
    let none = try test([0, 0, 0])
    #expect(none.known == nil && none.sampleCount == 3)
    if world.rank == 0 { #expect(none.notes.joined().contains("taken as unknown")) }
    if world.rank > 0 { #expect(some.notes.isEmpty && none.notes.isEmpty) }
    #expect(try test([5, -3]).notes.isEmpty)
    #expect(try world.allGather(#require(classes(test(["5", "-3"])))).flatMap { $0 } == [1, 0])
    for labels in [[5, 7], [0, 0]] as [[Label]] {
      #expect(message { _ = try test(labels, isStrict: true) }.contains("--strict"))
    }
  }

  /// Also where only the last rank reads the row.
  @Test func testSampleFarOff() throws {
    #expect(try test([5, 5, 5], far: 1e10).sampleCount == 3)
    for far in [1e40, 1e300, -1.7e308] {
      let text = message { _ = try test([5, 5, 5], far: far) }
      #expect(
        text.contains("other has \(far)") && text.contains("column 2") && text.contains("standard deviations"),
        "\(text)")
    }
  }
}
