import Datasets
import DeepRFM
import Files
import Foundation
import MPI
import Runtime
import Testing

/// Runs on tables, and rows that are predicted by their columns' names.
@Suite(.serialized) struct DataTableTests {
  private struct Row {
    let size: Double?
    let colour: String
    let count: Int
    let kind: String
  }

  private static let colours = ["red", "blue, dark", "green"]

  private static func rows(_ range: Range<Int>, holes: Bool = false) -> [Row] {
    range.map { i in
      let kind = (i * 7 % 11) + 3 * (i % 3) > 7 ? "big" : "small"
      return Row(
        size: holes && i % 9 == 4 ? nil : Double(i * 7 % 11) / 4 + Double(i % 5) / 10, colour: colours[i % 3],
        count: i * 5 % 13, kind: kind)
    }
  }

  private static func text(_ rows: [Row]) -> String {
    "size,colour,count,kind\n"
      + rows.map { "\($0.size.map { "\($0)" } ?? "NA"),\"\($0.colour)\",\($0.count),\($0.kind)\n" }.joined()
  }

  /// Other columns' order, no target, and a column that training has not.
  private static func turned(_ rows: [Row]) -> String {
    "note,count,colour,size\n"
      + rows.map { "x,\($0.count),\"\($0.colour)\",\($0.size.map { "\($0)" } ?? "")\n" }.joined()
  }

  /// The features by hand: size, count, and an entry for each colour in its order.
  private static func arrays(_ rows: [Row]) -> [Double] {
    let sizes = rows.compactMap(\.size)
    let mean = sizes.reduce(0, +) / Double(sizes.count)
    let order = colours.sorted()
    return rows.flatMap { (row: Row) -> [Double] in
      let entries: [Double] = order.map { $0 == row.colour ? 1 : 0 }
      return [row.size ?? mean] + entries + [Double(row.count)]
    }
  }

  private func train(
    _ dataset: DatasetName, _ folder: String, _ name: String, _ world: Communicator,
    _ change: (inout TrainOptions) -> Void = { _ in }
  ) throws -> RunFolder {
    var options = TrainOptions()
    (options.dataset, options.data, options.layers, options.width) = (dataset, folder, 2, 16)
    (options.precision, options.output, options.quiet) = (.float64, "\(folder)/\(name)", true)
    change(&options)
    try DeepRFM.train(options, host: Host(surveying: world, threads: 1), world: world)
    try world.barrier()
    return RunFolder("\(folder)/\(name)")
  }

  private func predict(
    _ run: RunFolder, _ world: Communicator, _ change: (inout PredictOptions) -> Void
  ) throws -> [[Double]] {
    var options = PredictOptions()
    (options.model, options.output) = (run.path, "\(run.path).npy")
    change(&options)
    #expect(try DeepRFM.predict(options, world: world) == .done)
    try world.barrier()
    let file = try NPYSamples.unlabelled(options.output ?? "")
    var rows = [[Double]](repeating: [], count: file.sampleCount)
    try file.readRows(Array(0..<file.sampleCount)) { rows[$0] = Array($1) }
    try world.barrier()
    return rows
  }

  /// A table gives what its arrays give, made by hand.
  @Test(arguments: [false, true]) func tableIsItsArrays(holes: Bool) throws {
    try withFolder { folder, world in
      let rows = Self.rows(0..<60, holes: holes)
      try write(Self.text(rows), "\(folder)/train.csv", world)
      if world.rank == 0 {
        try NPYWriter.write("\(folder)/train_x.npy", shape: [60, 5], Self.arrays(rows))
        try NPYWriter.write("\(folder)/train_y.npy", shape: [60], rows.map { $0.kind == "big" ? 0 : 1 })
      }
      try world.barrier()
      let table = try train(.csv, folder, "table", world) { $0.missing = holes ? .mean : .refuse }.readMetrics()
      let arrays = try train(.npy, folder, "arrays", world).readMetrics()
      for (a, b) in zip(table, arrays) {
        #expect(a.accuracy.train == b.accuracy.train)
        // The mean that fills holes is summed in another order. (NC2 of two classes is rounding.)
        for (x, y) in [(a.nc1.input, b.nc1.input), (a.nc1.mapped, b.nc1.mapped)] {
          #expect(abs((x ?? .nan) / (y ?? .nan) - 1) < 1e-9)
        }
      }
    }
  }

  @Test func rowsByName() throws {
    try withFolder { folder, world in
      try write(Self.text(Self.rows(0..<50)), "\(folder)/train.csv", world)
      try write(Self.text(Self.rows(50..<70)), "\(folder)/test.csv", world)
      try write(Self.turned(Self.rows(50..<70)), "\(folder)/rows.csv", world)
      let run = try train(.csv, folder, "run", world)
      let facts = try #require(try run.readFacts())
      #expect(facts.classNames == ["big", "small"])
      #expect(facts.coding?.columns.map(\.name) == ["size", "colour", "count"])
      #expect(facts.coding?.columns[1].categories == ["blue, dark", "green", "red"])
      for layer in [1, 2] {
        let expected = try predict(run, world) { ($0.dataset, $0.data, $0.layer) = (.csv, folder, layer) }
        let found = try predict(run, world) { ($0.input, $0.layer) = ("\(folder)/rows.csv", layer) }
        #expect(found.count == 20 && found == expected)
        let right = zip(found, Self.rows(50..<70)).count { ($0[0] > $0[1]) == ($1.kind == "big") }
        #expect(try Double(right) / 20 == run.readMetrics()[layer - 1].accuracy.test)
      }
    }
  }

  /// A colour that training has not is none of its colours; the other columns still tell.
  @Test func unseenCategory() throws {
    try withFolder { folder, world in
      try write(Self.text(Self.rows(0..<50)), "\(folder)/train.csv", world)
      try write("count,size,colour\n3,1,mauve\n3,1,\"black\"\n", "\(folder)/rows.csv", world)
      let run = try train(.csv, folder, "run", world)
      let outputs = try predict(run, world) { $0.input = "\(folder)/rows.csv" }
      #expect(outputs.count == 2 && outputs[0].allSatisfy(\.isFinite))
      #expect(zip(outputs[0], outputs[1]).allSatisfy { abs($0 - $1) < 1e-9 })
    }
  }

  @Test func refusals() throws {
    try withFolder { folder, world in
      try write(Self.text(Self.rows(0..<30, holes: true)), "\(folder)/train.csv", world)
      expectRefusal("line 6") { _ = try train(.csv, folder, "run", world) }
      #expect(!FileManager.default.fileExists(atPath: "\(folder)/run"))
      let run = try train(.csv, folder, "run", world) { $0.missing = .drop }
      #expect(try run.readMetrics()[0].samples == 27)
      // Each row has its place in the outputs: none is dropped.
      try write(Self.turned(Self.rows(0..<5, holes: true)), "\(folder)/rows.csv", world)
      expectRefusal("rows.csv, line 6") { _ = try predict(run, world) { $0.input = "\(folder)/rows.csv" } }
      try write("size,count\n1,2\n", "\(folder)/rows.csv", world)
      expectRefusal("no column \"colour\"") { _ = try predict(run, world) { $0.input = "\(folder)/rows.csv" } }
      if world.rank == 0 { try FileManager.default.removeItem(atPath: run.facts) }
      try world.barrier()
      expectRefusal("not trained on a table") { _ = try predict(run, world) { $0.input = "\(folder)/rows.csv" } }
    }
  }

  /// A hundred thousand columns: what does not fit is said before work begins.
  @Test func manyColumns() throws {
    try withFolder { folder, world in
      let columns = 100_000
      let names = (0..<columns).map { "c\($0)" }.joined(separator: ",") + ",y\n"
      let lines = (0..<4).map { i in
        (0..<columns).map { "\(($0 * 7 + i * 3) % 5)" }.joined(separator: ",") + ",\(i % 2)\n"
      }
      try write(names + lines.joined(), "\(folder)/train.csv", world)
      expectRefusal("memory") { _ = try train(.csv, folder, "run", world) { $0.memory = 1 << 30 } }
    }
  }
}
