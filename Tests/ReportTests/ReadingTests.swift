import DeepRFM
import Files
import Foundation
import Report
import Runtime
import Testing

/// Runs on the disk, whole and otherwise.
@Suite struct ReadingTests {
  let scratch: ScratchDirectory
  let directory: RunFolder

  init() throws {
    scratch = try ScratchDirectory()
    var options = TrainOptions()
    options.layers = 3
    let configuration = RunConfiguration(
      options: options, ranks: 1, threads: 1, hosts: ["h"], blasKernels: "k", startedAt: "2025-01-31T23:59:59Z")
    directory = try RunFolder.create(scratch.path + "/run", configuration)
  }

  private func finish(_ layers: Int = 3) throws {
    let data = try SafetensorsWriter(
      directory.data,
      [
        TensorInfo("order", .int64, [4]), TensorInfo("labels", .int64, [4]), TensorInfo("mean", .float64, [2]),
        TensorInfo("scale", .float64, [2]),
      ], metadata: RunFormat.metadata)
    try data.append([2, 0, 1, 3])
    try data.append([0, 0, 1, 1])
    try data.append([0.0, 1])
    try data.append([1.0, 2])
    try data.finish()
    for layer in 1...layers {
      try directory.append(Made.metrics(layer, nc1: 1 / Double(layer)))
      let file = try SafetensorsWriter(
        directory.layer(layer),
        [
          TensorInfo("spectrum", .float64, [3]), TensorInfo("shown", .int64, [2]),
          TensorInfo("gramInput", .float32, [2, 2]),
          TensorInfo("gramProjected", .float32, [2, 2]),
        ])
      try file.append([4.0, 2, 0])
      try file.append([0, 2])
      try file.append([1, -0.5, -0.5, 1] as [Float])
      try file.append([1, -1, -1, 1] as [Float])
      try file.finish()
    }
  }

  @Test func aWholeRunIsReadWhole() throws {
    try finish()
    let run = try RunRecord(reading: directory.path)
    #expect(run.notes.isEmpty && run.layers.map(\.metrics.layer) == [1, 2, 3])
    #expect(run.layers[2].metrics == Made.metrics(3, nc1: 1 / 3.0))
    #expect(run.layers[1].spectrum == [4, 2, 0])
    #expect(run.layers[0].gram?.input == [1, -0.5, -0.5, 1] && run.layers[0].gram?.projected == [1, -1, -1, 1])
    #expect(run.layers[0].gram?.labels == [0, 1])
    #expect(Parsed(Page.html(of: [run])).fault == nil)
  }

  @Test func whatIsNoRunIsRefusedInASentence() throws {
    #expect(throws: InputError.self) { try RunRecord(reading: scratch.path + "/nowhere") }
    #expect(throws: InputError.self) { try RunRecord(reading: scratch.path) }
    let fresh = try #require(throws: InputError.self) { try RunRecord(reading: directory.path) }
    #expect(fresh.description.contains("has not finished a layer yet"))
    try scratch.write(Array("{".utf8), to: "run/config.json")
    #expect(throws: InputError.self) { try RunRecord(reading: directory.path) }
  }

  @Test func anUnfinishedRunIsShownAsFarAsItIs() throws {
    try finish(2)
    let run = try RunRecord(reading: directory.path)
    #expect(run.layers.count == 2 && run.notes == ["The run is not finished: 2 of 3 layers so far."])
    #expect(Page.html(of: [run]).contains("The run is not finished: 2 of 3 layers so far."))
  }

  @Test func damagedLinesAndFilesAreToldAndLeftOut() throws {
    try finish()
    let lines = try String(contentsOfFile: directory.metrics, encoding: .utf8).split(separator: "\n")
    try scratch.write(Array((lines[0] + "\n{\"layer\": 2}\n" + lines[2] + "\n").utf8), to: "run/metrics.jsonl")
    let run = try RunRecord(reading: directory.path)
    #expect(run.layers.map(\.metrics.layer) == [1])
    #expect(run.notes.first?.contains("line 2") == true)
    try scratch.write(Array("x\n".utf8), to: "run/metrics.jsonl")
    #expect(throws: InputError.self) { try RunRecord(reading: directory.path) }
  }

  @Test(arguments: [[], Array("not safetensors".utf8), [255, 255, 255, 255, 255, 255, 255, 127, 0]] as [[UInt8]])
  func withoutALayerFileThereIsNoPicture(bytes: [UInt8]) throws {
    try finish()
    try scratch.write(bytes, to: "run/layers/02.safetensors")
    let run = try RunRecord(reading: directory.path)
    #expect(run.layers.count == 3 && run.layers.map { $0.gram == nil } == [false, true, false])
    #expect(run.notes.count == 1 && run.notes[0].contains("02.safetensors"))
    #expect(Parsed(Page.html(of: [run])).fault == nil)
  }

  @Test func withoutItsDataARunIsShownWithoutClasses() throws {
    try finish()
    try scratch.write(Array("not safetensors".utf8), to: "run/data.safetensors")
    let run = try RunRecord(reading: directory.path)
    #expect(run.layers.count == 3 && run.layers.allSatisfy { $0.gram?.labels.isEmpty == true })
    #expect(run.notes.count == 1 && run.notes[0].contains("data.safetensors"))
    #expect(Parsed(Page.html(of: [run])).fault == nil)
  }

  @Test func aRunNamedTwiceIsTakenOnce() throws {
    try finish()
    var options = try ReportOptions.parse([directory.path, scratch.path, directory.path + "/../run/."])
    #expect(options.dropRepeated() == [directory.path + "/../run/."])
    #expect(options.directories == [directory.path, scratch.path])
    var twice = try ReportOptions.parse([directory.path, directory.path])
    #expect(twice.page == "report.html")
    #expect(twice.dropRepeated().count == 1 && twice.page == directory.report)
    var missing = try ReportOptions.parse(["nowhere-1", "nowhere-1"])
    #expect(missing.dropRepeated().isEmpty)
  }

  @Test func shapesThatDisagreeAreNotBelieved() throws {
    try finish()
    let file = try SafetensorsWriter(
      directory.layer(1),
      [
        TensorInfo("shown", .int64, [3]), TensorInfo("gramInput", .float32, [2, 2]),
        TensorInfo("gramProjected", .float32, [2, 2]),
      ])
    try file.append([0, 1, 2])
    try file.append([1, 0, 0, 1] as [Float])
    try file.append([1, 0, 0, 1] as [Float])
    try file.finish()
    let run = try RunRecord(reading: directory.path)
    #expect(run.layers[0].gram == nil && run.notes.count == 1)
  }

  @Test func optionsTakeDirectoriesAmongThem() throws {
    let options = try ReportOptions.parse(["a/", "--output", "x.html", "b", "--picture=p.svg"])
    #expect(options.directories == ["a", "b"] && options.page == "x.html" && options.picture == "p.svg")
    #expect(try ReportOptions.parse(["a"]).page == "a/report.html")
    #expect(try ReportOptions.parse(["a", "b"]).page == "report.html")
    #expect(throws: InputError.self) { try ReportOptions.parse([]) }
    #expect(throws: InputError.self) { try ReportOptions.parse(["a", "--outptu", "b"]) }
    #expect(throws: InputError.self) { try ReportOptions.parse(["a", "--output"]) }
  }
}
