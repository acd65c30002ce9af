import Collapse
import Files
import Foundation
import LinearAlgebra
import MPI
import Measures
import Runtime
import TestSupport
import Testing

/// `collapse` on files: every type and form, any number of ranks, and what is wrong with them.
@Suite struct CollapseFileTests {
  let world: Communicator
  /// Rank 0's.
  private let folder: String
  private let scratch: ScratchDirectory?

  init() throws {
    world = try TestWorld.all
    scratch = world.rank == 0 ? try ScratchDirectory() : nil
    folder = try world.broadcast(scratch?.path ?? "", from: 0)
  }

  private struct Tensor {
    let info: TensorInfo
    let bytes: [UInt8]

    init<T>(_ name: String, _ type: TensorType, _ shape: [Int], _ values: [T]) {
      info = TensorInfo(name, type, shape)
      bytes = values.withUnsafeBytes { Array($0) }
    }
  }

  /// *Collective.* Rank 0 writes a safetensors file; returns its path.
  private func write(_ name: String, _ tensors: [Tensor]) throws -> String {
    let path = "\(folder)/\(name)"
    try world.together {
      guard world.rank == 0 else { return }
      let head = try SafetensorsHeader.encoded(tensors.map(\.info), metadata: [:])
      try OutputFile.replace(path, with: head + tensors.flatMap(\.bytes))
    }
    return path
  }

  private func measure(_ arguments: String...) throws -> CollapseMeasures {
    try collapse(CollapseOptions.parse(arguments), world: world).measures
  }

  /// 24 rows of 5, three classes in turn; all values are float16's and bfloat16's.
  private static let values: [Float] = {
    var random = SplitMix(state: 7)
    return (0..<120).map { (place: Int) -> Float in
      let (label, column) = (place / 5 % 3, place % 5)
      return Float(Int(random.next() % 17) - 8) / 8 + Float(label * (column + 1))
    }
  }()
  private static let labels = (0..<24).map { $0 % 3 * 4 - 4 }

  @Test func everyTypeAndFormGivesTheSame() throws {
    let halves = Self.values.map { Float16($0).bitPattern }
    let brains = Self.values.map { UInt16($0.bitPattern >> 16) }
    #expect(brains.map { Float(bitPattern: UInt32($0) << 16) } == Self.values)
    let hot = Self.labels.flatMap { label in (0..<3).map { Float($0 == (label + 4) / 4 ? 1 : 0) } }
    let path = try write(
      "types.safetensors",
      [
        Tensor("f16", .float16, [24, 5], halves), Tensor("bf16", .bfloat16, [24, 5], brains),
        Tensor("f32", .float32, [24, 5], Self.values),
        Tensor("f64", .float64, [24, 5], Self.values.map { Double($0) }),
        Tensor("i64", .int64, [24], Self.labels), Tensor("column", .int32, [24, 1], Self.labels.map { Int32($0) }),
        Tensor("row", .int8, [1, 24], Self.labels.map { Int8($0) }), Tensor("hot", .float32, [24, 3], hot),
      ])
    let expected = try measure("--features", "\(path):f64", "--labels", "\(path):i64")
    #expect(expected.samples == 24 && expected.classes == 3 && expected.nc1.values.allSatisfy(\.isFinite))
    for (features, labels) in [("f16", "i64"), ("bf16", "column"), ("f32", "row"), ("f64", "hot")] {
      let found = try measure("--features", "\(path):\(features)", "--labels", "\(path):\(labels)")
      #expect(found == expected, "\(features), \(labels)")
    }
  }

  @Test func gradientsOfThreeDimensionsAndAnAGOPAreTheSame() throws {
    var random = SplitMix(state: 11)
    let gradients: [Double] = (0..<240).map { _ in Double(random.next() >> 11) * 0x1p-52 - 1 }
    var agop = [Double](repeating: 0, count: 25)
    for row in 0..<48 {
      for i in 0..<5 { for j in 0..<5 { agop[5 * i + j] += gradients[5 * row + i] * gradients[5 * row + j] } }
    }
    let path = try write(
      "nfa.safetensors",
      [
        Tensor("x", .float32, [24, 5], Self.values), Tensor("y", .int64, [24], Self.labels),
        Tensor("w", .float32, [4, 5], Array(Self.values[..<20])), Tensor("g", .float64, [24, 2, 5], gradients),
        Tensor("m", .float64, [5, 5], agop),
      ])
    let rows = ["--features", "\(path):x", "--labels", "\(path):y", "--weights", "\(path):w"]
    let results = try [["--gradients", "\(path):g"], ["--agop", "\(path):m"]].map { more in
      try collapse(CollapseOptions.parse(rows + more), world: world).measures
    }
    let (made, given) = (try #require(results[0].correlation), try #require(results[1].correlation))
    #expect(abs(made.agop - given.agop) < 1e-13 && abs(made.root - given.root) < 1e-12)
    #expect(results[0].selfDuality == nil && results[0].nearestCentreAgreement == nil)
    #expect(results[0].warnings.contains { $0.contains("4 outputs for 3 classes") })
  }

  // MARK: Degenerate

  private func degenerate(_ name: String, _ x: [Double], width: Int, _ y: [Int]) throws -> CollapseMeasures {
    let path = try write(
      name, [Tensor("x", .float64, [y.count, width], x), Tensor("y", .int64, [y.count], y)])
    let measures = try measure("--features", "\(path):x", "--labels", "\(path):y")
    // A null always has its reason, and no number is made of rounding.
    #expect(!measures.warnings.isEmpty, "\(name)")
    #expect(!measures.json().line.lowercased().contains("nan"), "\(name)")
    return measures
  }

  private func isUndefined(_ measures: CollapseMeasures) -> Bool {
    !(measures.nc1.values + measures.nc2.values).contains { !$0.isNaN }
  }

  private func ramp(_ count: Int) -> [Double] { (0..<count).map { Double($0 * $0 % 23) } }

  @Test func oneClass() throws {
    let found = try degenerate("one", ramp(30), width: 3, [Int](repeating: 5, count: 10))
    #expect(isUndefined(found))
  }

  @Test func oneSampleAClass() throws {
    let found = try degenerate("single", ramp(30), width: 6, Array(0..<5))
    #expect(found.nc1.values.allSatisfy(\.isNaN) && found.nc2.values.allSatisfy(\.isFinite))
  }

  @Test func allEqual() throws {
    let found = try degenerate("equal", [Double](repeating: 0.1, count: 30), width: 3, (0..<10).map { $0 % 2 })
    #expect(isUndefined(found))
  }

  @Test func equalMeans() throws {
    // Two classes of +-1 about 0.1.
    let found = try degenerate("means", [1.1, -0.9, 1.1, -0.9], width: 1, [0, 0, 1, 1])
    #expect(isUndefined(found))
  }

  @Test func aMeanAtTheCentre() throws {
    let found = try degenerate(
      "centre", [-1, -1.2, -0.1, 0.1, 1, 1.2].flatMap { [$0, 0] }, width: 2, [0, 0, 1, 1, 2, 2])
    #expect(found.nc1.paper.isFinite && found.nc2.normVariation.isFinite && found.nc1.pseudoinverse.isNaN)
  }

  @Test func duplicatesHaveNoScatter() throws {
    let found = try degenerate("twins", [1, 0, 1, 0, 0, 1, 0, 1], width: 2, [0, 0, 1, 1])
    #expect(found.nc1.paper == 0)
  }

  @Test func moreClassesThanFit() throws {
    let found = try degenerate("many", ramp(40), width: 2, (0..<20).map { $0 % 5 })
    #expect(found.warnings.contains { $0.contains("no simplex") })
  }

  @Test func numbersThatOverflow() throws {
    let found = try degenerate("huge", [1e200, 0, -1e200, 1, 2e200, 5, 3e200, 0], width: 2, [0, 0, 1, 1])
    #expect(found.nc1.paper.isNaN)
  }

  // MARK: Refused

  @Test func badInputIsRefusedByName() throws {
    var wrong = Self.values
    wrong[7 * 5 + 2] = .nan
    let path = try write(
      "bad.safetensors",
      [
        Tensor("nan", .float32, [24, 5], wrong), Tensor("x", .float32, [24, 5], Self.values),
        Tensor("y", .int64, [24], Self.labels), Tensor("short", .int64, [23], Array(Self.labels[1...])),
        Tensor("real", .float32, [24], Array(Self.values[..<24])),
        Tensor("w", .float32, [5, 3], Array(Self.values[..<15])),
        Tensor("none", .float32, [0, 5], [Float]()),
      ])
    let cases: [(arguments: [String], words: [String])] = [
      (["--features", "\(path):nan", "--labels", "\(path):y"], ["nan", "row 7", "column 2"]),
      (["--features", "\(path):x", "--labels", "\(path):short"], ["24 rows", "23 labels"]),
      (["--features", "\(path):z", "--labels", "\(path):y"], ["no tensor \"z\"", "nan, x, y, short"]),
      (["--features", path, "--labels", "\(path):y"], ["7 tensors"]),
      (["--features", "\(path):x", "--labels", "\(path):real"], ["label is a whole number"]),
      (["--features", "\(path):x", "--labels", "\(path):y", "--weights", "\(path):w"], ["transposed"]),
      (["--features", "\(path):none", "--labels", "\(path):y"], ["no rows"]),
      (["--features", "\(path).gone", "--labels", "\(path):y"], ["cannot be read"]),
    ]
    for (arguments, words) in cases {
      do {
        _ = try collapse(CollapseOptions.parse(arguments), world: world)
        Issue.record("\(arguments) was taken")
      } catch let error as any RankError {
        #expect(error.exitStatus == 2)
        for word in words { #expect(error.sentence.contains(word), "\(error.sentence)") }
      }
    }
  }

  @Test func optionsThatDoNotFitTogetherAreRefused() throws {
    let rows = ["--features", "a", "--labels", "b"]
    let cases: [[String]] = [
      [], ["--features", "a"],
      rows + ["--model", "m"], rows + ["--layer", "2"], rows + ["--test-features", "c"],
      rows + ["--agop", "m"], rows + ["--weights", "w", "--agop", "m", "--gradients", "g"], rows + ["--bias", "b"],
    ]
    for arguments in cases {
      #expect(throws: InputError.self, "\(arguments)") { _ = try CollapseOptions.parse(arguments) }
    }
  }
}
