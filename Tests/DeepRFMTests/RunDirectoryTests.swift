import DeepRFM
import Files
import Foundation
import KernelMachine
import Measures
import Runtime
import Testing

@Suite struct RunDirectoryTests {
  let scratch: ScratchDirectory

  init() throws { scratch = try ScratchDirectory() }

  private var configuration: RunConfiguration {
    var options = TrainOptions()
    options.ridge = 0.1
    return RunConfiguration(
      options: options, ranks: 2, threads: 1, hosts: ["a", "b"], blasKernels: "SkylakeX",
      startedAt: "2025-01-31T23:59:59Z")
  }

  private var measured: LayerMetrics {
    var metrics = LayerMetrics()
    metrics.layer = 1
    metrics.inputWidth = 784
    metrics.outputWidth = 512
    metrics.samples = 4000
    metrics.ranks = 2
    metrics.nc1 = .init(input: 1 / 3.0, projected: 0.25, mapped: 4e-7)
    metrics.nc2 = .init(input: 0.5, projected: 0.5, mapped: 0.5)
    metrics.accuracy = .init(train: 1, test: 0.9)
    metrics.balancedAccuracy = .init(train: 1, test: 0.875)
    metrics.meanSquaredError = .init(train: 0.5, test: 0.25)
    metrics.solver.iterations = 19
    metrics.solver.residual = 8.1e-5
    metrics.solver.converged = true
    metrics.solver.preconditionerRank = 1000
    metrics.agop = .init(route: .class)
    (metrics.bandwidth, metrics.kernelAlignment) = (2, 0.75)
    metrics.seconds = .init(values: [1, 2, 3, 4, 5, 6, 7, 8, 36])
    metrics.peakMemoryBytes = 1 << 40
    return metrics
  }

  @Test func lineIsTheContract() {
    #expect(
      measured.json.line == """
        {"layer": 1, "inputWidth": 784, "outputWidth": 512, "samples": 4000, "ranks": 2, \
        "nc1": {"input": 0.3333333333333333, "projected": 0.25, "mapped": 4e-07}, \
        "nc2": {"input": 0.5, "projected": 0.5, "mapped": 0.5}, \
        "accuracy": {"train": 1.0, "test": 0.9}, "balancedAccuracy": {"train": 1.0, "test": 0.875}, \
        "meanSquaredError": {"train": 0.5, "test": 0.25}, \
        "solver": {"method": "cg", "iterations": 19, "residual": 8.1e-05, "converged": true, \
        "preconditionerRank": 1000}, "agop": {"route": "class"}, \
        "bandwidth": 2.0, "kernelAlignment": 0.75, "seconds": {"kernel": 1.0, "preconditioner": 2.0, "solve": 3.0, "agop": 4.0, "root": 5.0, \
        "features": 6.0, "metrics": 7.0, "communication": 8.0, "total": 36.0}, \
        "peakMemoryBytes": 1099511627776}
        """)
  }

  @Test func whatWasWrittenIsReadBack() throws {
    let directory = try RunFolder.create(scratch.file("deep/er/run"), configuration)
    #expect(try directory.readConfiguration() == configuration)
    try directory.append(measured)
    var second = measured
    second.layer = 2
    second.accuracy.test = nil
    try directory.append(second)
    #expect(try directory.readMetrics() == [measured, second])
    #expect(try scratch.names() == ["deep"])
    let names = try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted()
    #expect(names == ["config.json", "layers", "metrics.jsonl"])
  }

  @Test func notANumberIsNullAndBack() throws {
    var metrics = measured
    metrics.nc1.mapped = .nan
    metrics.nc2.input = .infinity
    metrics.accuracy.test = nil
    metrics.agop.route = nil
    let line = metrics.json.line
    #expect(line.contains(#""mapped": null"#) && line.contains(#""test": null"#))
    let back = try LayerMetrics(json: try JSON(parsing: line.utf8), source: "line")
    #expect(back.nc1.mapped.isNaN && back.nc2.input.isNaN)
    #expect(back.accuracy.test == nil && back.agop.route == nil)
  }

  @Test func anotherRunIsNotOverwritten() throws {
    let path = scratch.file("run")
    _ = try RunFolder.create(path, configuration)
    let before = try scratch.bytes("run/config.json")
    #expect(throws: InputError.self) { try RunFolder.check(path) }
    #expect(throws: InputError.self) { try RunFolder.create(path, configuration) }
    #expect(try scratch.bytes("run/config.json") == before)
  }

  @Test func checkWritesNothingAndFindsWhatCannotBe() throws {
    try RunFolder.check(scratch.file("a/b"))
    try RunFolder.check(scratch.path)
    #expect(try scratch.names().isEmpty)
    let file = try scratch.write("x", to: "file")
    #expect(throws: InputError.self) { try RunFolder.check(file) }
    #expect(throws: InputError.self) { try RunFolder.check(file + "/run") }
  }

  @Test func layersHaveTwoDigitsOrMore() {
    let directory = RunFolder("r")
    #expect(directory.layer(1) == "r/layers/01.safetensors")
    #expect(directory.layer(20) == "r/layers/20.safetensors")
    #expect(directory.layer(100) == "r/layers/100.safetensors")
  }

  @Test func jobsOfOneSecondTakeFoldersOfTheirOwn() throws {
    let runs = scratch.file("runs")
    let first = try DefaultFolder(for: "digits", in: runs, at: 1_738_367_999)
    let second = try DefaultFolder(for: "digits", in: runs, at: 1_738_367_999)
    let third = try DefaultFolder(for: "digits", in: runs, at: 1_738_367_999)
    #expect(first.path.dropFirst(runs.count).wholeMatch(of: /\/digits-\d{8}-\d{6}/) != nil)
    #expect(second.path == first.path + "-2" && third.path == first.path + "-3")
    // A run has begun in the second only: the others leave nothing.
    try RunFolder.check(second.path)
    _ = try RunFolder.create(second.path, configuration)
    for folder in [third, second, first] { folder.removeIfEmpty() }
    let left = try FileManager.default.contentsOfDirectory(atPath: runs)
    #expect(left == [String(second.path.dropFirst(runs.count + 1))])
    let file = try scratch.write("x", to: "file")
    #expect(throws: InputError.self) { try DefaultFolder(for: "digits", in: file) }
    #expect(throws: InputError.self) { try DefaultFolder(for: "digits", in: scratch.file("no/runs")) }
    #expect(try scratch.names().sorted() == ["file", "runs"])
    #expect(Timestamp.iso8601(1_738_367_999) == "2025-01-31T23:59:59Z")
  }

  @Test(arguments: ["config.json", "data.safetensors", "layers/01.safetensors", "model.safetensors"])
  func filesOfANewerFormatAreRefusedAndOlderOnesRead(_ name: String) throws {
    let directory = try RunFolder.create(scratch.file("run"), configuration)
    let path = directory.path + "/" + name
    func read(_ format: String?) throws {
      if name == "config.json" {
        let written = try JSON(parsing: try InputFile.contents(path, limit: 1 << 20))
        guard case .object(let members) = written else { return }
        let format = format.map { [JSON.Member("format", .number($0))] } ?? []
        try OutputFile.replace(path, with: JSON.object(format + members.filter { $0.key != "format" }).page)
        #expect(try directory.readConfiguration() == configuration)
        var options = TrainOptions()
        try options.read(configuration: path)
      } else {
        let writer = try SafetensorsWriter(
          path, [TensorInfo("x", .int64, [1])], metadata: format.map { ["format": $0] } ?? [:])
        try writer.append([1])
        try writer.finish()
        _ = try directory.openTensors(path)
      }
    }
    for known in [nil, "0", "1"] { try read(known) }
    for newer in ["2", "1000000"] {
      let error = try #require(throws: InputError.self) { try read(newer) }
      #expect(error.description.hasPrefix(path) && error.description.contains("is of format \(newer)"))
    }
    for wrong in ["-1", "1.5", "99999999999999999999"] {
      let error = try #require(throws: InputError.self) { try read(wrong) }
      #expect(error.description.contains("an integer from 0 is needed"))
    }
  }

  @Test func whatIsWrittenHasItsFormat() throws {
    let directory = try RunFolder.create(scratch.file("run"), configuration)
    let json = try JSON(parsing: try InputFile.contents(directory.configuration, limit: 1 << 20))
    #expect(json["format"] == JSON(RunFormat.current))
    #expect(RunFormat.metadata == ["format": "\(RunFormat.current)"])
  }

  @Test func damagedFilesAreNamedWithTheirLine() throws {
    let directory = RunFolder(scratch.path)
    #expect(throws: InputError.self) { try directory.readMetrics() }
    #expect(throws: InputError.self) { try directory.readConfiguration() }
    let line = measured.json.line
    // Cut off by a crash: left out. Damaged in the middle: an error.
    _ = try scratch.write(line + "\n" + line.prefix(100), to: "metrics.jsonl")
    #expect(try directory.readMetrics() == [measured])
    _ = try scratch.write(line + "\n" + line.prefix(100) + "\n", to: "metrics.jsonl")
    let error = try #require(throws: InputError.self) { try directory.readMetrics() }
    #expect(error.description.contains("line 2"))
    // The last: larger than what a double holds, which pictures are drawn with.
    for value in ["\"19\"", "1.5", "9223372036854775807"] {
      let wrong = line.replacingOccurrences(of: "\"iterations\": 19", with: "\"iterations\": \(value)")
      _ = try scratch.write(wrong + "\n", to: "metrics.jsonl")
      let typed = try #require(throws: InputError.self) { try directory.readMetrics() }
      #expect(typed.description.contains("solver.iterations"))
    }
    _ = try scratch.write("{\"options\": {}, \"version\": 3}", to: "config.json")
    #expect(throws: InputError.self) { try directory.readConfiguration() }
    _ = try scratch.write("", to: "metrics.jsonl")
    #expect(try directory.readMetrics().isEmpty)
  }
}
