import DeepRFM
import Files
import Foundation
import Instruments
import Report
import Runtime
import Testing

@Suite struct RunOptionsTests {
  private func train(_ line: String) throws -> TrainOptions {
    try TrainOptions.parse(line.split(separator: " ").map(String.init))
  }

  private func refusal(_ line: String) throws -> String {
    try #require(throws: InputError.self) { try train(line) }.description
  }

  @Test func defaultsAreTheContract() throws {
    let options = try train("")
    #expect(options == TrainOptions())
    #expect(options.dataset == .digits && options.layers == 20 && options.kernel == .laplace)
    #expect(options.bandwidth == 2 && options.ridge == 1e-3 && options.features == .relu)
    #expect(options.width == 512 && options.featureScale == 0.1 && options.projection == .agop)
    #expect(options.seed == 0 && options.precision == .float32 && options.solver == .auto)
    #expect(options.preconditioner == .nystrom && options.preconditionerRank == nil)
    #expect(options.agop == .auto && options.tolerance == 1e-4 && options.maxIterations == 500)
    #expect(!options.allowUnconverged && options.memory == nil && options.threads == nil)
    #expect(options.output == nil && options.checkpointEvery == 600 && !options.resume)
    #expect(options.timeLimit == nil && !options.quiet)
  }

  @Test func aModelBringsItsDefaults() throws {
    let plain = try train("--model rfm")
    #expect(plain.model == .rfm && plain.layers == 5 && plain.normalise == .none)
    let other = try train("--layers 7 --normalise rows --model rfm --bandwidth auto --class-weights balanced")
    #expect(other.layers == 7 && other.normalise == .rows && other.bandwidth == nil && other.classWeights == .balanced)
    #expect(try train("").normalise == .rows && train("--normalise none").normalise == .none)
  }

  /// What has no meaning in a plain RFM is refused where it is given, not where a configuration has it.
  @Test(arguments: ["features relu", "width 9", "feature-scale 1", "projection agop"])
  func optionsOfFeaturesAreRefusedWithoutFeatures(option: String) throws {
    #expect(try refusal("--model rfm --\(option)").contains("--" + option.split(separator: " ")[0]))
    _ = try train("--\(option)")
  }

  @Test func aConfigurationKeepsAModelsOptions() throws {
    let path = NSTemporaryDirectory() + "options-\(UUID().uuidString).json"
    defer { try? FileManager.default.removeItem(atPath: path) }
    for line in ["--model rfm --bandwidth auto", "--model rfm --layers 3 --normalise rows", "--bandwidth 0.5"] {
      let options = try train(line)
      try TrainOptions.table.json(options).line.write(toFile: path, atomically: true, encoding: .utf8)
      #expect(try train("--config \(path)") == options)
    }
    try #"{"model": "rfm"}"#.write(toFile: path, atomically: true, encoding: .utf8)
    #expect(try train("--config \(path)") == train("--model rfm"))
  }

  @Test func everyOptionIsSet() throws {
    let options = try train(
      "--dataset npy --data d --samples 7 --test-samples=8 --layers 3 --kernel gaussian --bandwidth 1.5 "
        + "--ridge 0 --features cosine --width 9 --feature-scale .05 --projection random "
        + "--seed 18446744073709551615 --precision float64 --solver cholesky --preconditioner none "
        + "--preconditioner-rank 4 --agop class --tolerance 1e-8 --max-iterations 11 --allow-unconverged "
        + "--memory 1.5GiB --threads 2 --output o --checkpoint-every 1h30m --quiet")
    var expected = TrainOptions()
    expected.dataset = .npy
    expected.data = "d"
    expected.samples = 7
    expected.testSamples = 8
    expected.layers = 3
    expected.kernel = .gaussian
    expected.bandwidth = 1.5
    expected.ridge = 0
    expected.features = .cosine
    expected.width = 9
    expected.featureScale = 0.05
    expected.projection = .random
    expected.seed = .max
    expected.precision = .float64
    expected.solver = .cholesky
    expected.preconditioner = .none
    expected.preconditionerRank = 4
    expected.agop = .class
    expected.tolerance = 1e-8
    expected.maxIterations = 11
    expected.allowUnconverged = true
    expected.memory = 3 << 29
    expected.threads = 2
    expected.output = "o"
    expected.checkpointEvery = 5400
    expected.quiet = true
    #expect(options == expected)
  }

  @Test(arguments: [
    "--layers 0", "--layers x", "--layers 1.5", "--layers 99999999999999999999", "--ridge -1",
    "--ridge nan",
    "--ridge inf", "--bandwidth 0", "--bandwidth -2", "--width 0", "--samples 0", "--samples -5",
    "--test-samples -1", "--tolerance 0", "--tolerance 1", "--tolerance nan", "--feature-scale 0",
    "--max-iterations 0", "--preconditioner-rank 0", "--threads 0", "--memory 0GiB",
    "--memory lots",
    "--seed -1", "--kernel cubic", "--dataset mnis", "--checkpoint-every 0s",
    "--time-limit 1:99:00",
    "--output", "--data --quiet", "--quiet=maybe", "--solver=",
  ])
  func impossibleValuesNameTheOption(line: String) throws {
    let name = line.split(whereSeparator: { $0 == " " || $0 == "=" })[0]
    #expect(try refusal(line).contains(name))
  }

  @Test func unknownNamesGetASuggestion() throws {
    #expect(try refusal("--laers 3").contains("'--layers'"))
    #expect(try refusal("--testSamples 3").contains("'--test-samples'"))
    #expect(try refusal("--tolerence 3").contains("'--tolerance'"))
    #expect(try !refusal("--xyzzyxyzzy 3").contains("did you mean"))
    #expect(try refusal("stray").contains("'stray'"))
    #expect(try refusal("-l 3").contains("'-l'"))
    #expect(try refusal("--").contains("'--'"))
    #expect(try refusal("--=3").contains("unknown"))
  }

  @Test(arguments: ["mnist", "cifar10", "svhn", "npy", "libsvm"])
  func filesNeedAFolder(dataset: String) throws {
    #expect(try refusal("--dataset \(dataset)").contains("--data"))
    _ = try train("--dataset \(dataset) --data d")
  }

  @Test func resumeNeedsItsDirectory() throws {
    #expect(try refusal("--resume").contains("--output"))
    #expect(try train("--resume --output d --time-limit 1:00:00").timeLimit == 3600)
  }

  @Test func choleskyIsForOneRank() throws {
    let options = try train("--solver cholesky")
    try options.validate(ranks: 1)
    #expect(throws: InputError.self) { try options.validate(ranks: 2) }
  }

  @Test func lastOfTwoWins() throws { #expect(try train("--layers 3 --layers 4").layers == 4) }

  @Test func helpNamesEveryOption() {
    let help = TrainOptions.table.help(defaults: TrainOptions())
    for option in TrainOptions.table.options { #expect(help.contains("--\(option.name)")) }
    for line in help.split(separator: "\n") { #expect(line.count <= 96, "\(line)") }
  }
}

@Suite struct RunConfigurationFileTests {
  let scratch: ScratchDirectory

  init() throws { scratch = try ScratchDirectory() }

  private func train(_ text: String, _ arguments: [String] = []) throws -> TrainOptions {
    try TrainOptions.parse(["--config", try scratch.write(text, to: "c.json")] + arguments)
  }

  @Test func commandLineWinsWhereverItStands() throws {
    let text = #"{"layers": 3, "ridge": 0, "memory": "2GiB", "quiet": true, "testSamples": null}"#
    let options = try train(text, ["--layers", "4", "--quiet=false"])
    #expect(
      options.layers == 4 && options.ridge == 0 && options.memory == 2 << 30 && !options.quiet)
    #expect(options.testSamples == nil)
    let file = scratch.file("c.json")
    #expect(try TrainOptions.parse(["--layers", "4", "--config", file]).layers == 4)
  }

  @Test func everyOptionComesBack() throws {
    var options = TrainOptions()
    options.ridge = 0.1 + 0.2
    options.seed = .max
    options.memory = 123_456_789_012
    options.checkpointEvery = 0.1
    options.testSamples = 5
    options.output = "a \"b\"\\\n\u{1}é"
    options.allowUnconverged = true
    let json = TrainOptions.table.json(options)
    #expect(try train(json.page) == options)
    // A run's own file: its output directory is not another run's.
    let run = JSON.object([JSON.Member("options", json), JSON.Member("ranks", JSON(2))])
    options.output = nil
    #expect(try train(run.page) == options)
  }

  /// The keys are those of the synthesised coding, so both describe the same object.
  @Test func keysAreThePropertyNames() throws {
    let options = TrainOptions()
    let decoded = try JSONDecoder().decode(
      TrainOptions.self, from: Data(TrainOptions.table.json(options).line.utf8))
    #expect(decoded == options)
    let coded =
      try JSONSerialization.jsonObject(with: JSONEncoder().encode(options)) as? [String: Any]
    let keys = Set(TrainOptions.table.options.map(\.key)).subtracting(["config"])
    #expect(Set(coded.map(\.keys).map(Array.init) ?? []).isSubset(of: keys))
    #expect(keys.count == Mirror(reflecting: options).children.count)
  }

  @Test(arguments: [
    (#"{"layer": 3}"#, "\"layer\""), (#"{"layers": 0}"#, "\"layers\""),
    (#"{"layers": [1]}"#, "\"layers\""),
    (#"{"layers": true}"#, "\"layers\""), (#"{"layers": 3"#, "JSON"), ("", "JSON"),
    ("[]", "object"),
    (#"{"layers": 3, "layers": 4}"#, "twice"), (#"{"options": 3}"#, "object"),
    (#"{"config": "x"}"#, "config"),
    (#"{"dataset": "mnist"}"#, "--data"),
  ])
  func badFilesAreRefused(text: String, word: String) throws {
    let error = try #require(throws: InputError.self) { try train(text) }
    #expect(error.description.contains(word), "\(error)")
  }

  @Test func missingFileIsNamed() throws {
    let error = try #require(throws: InputError.self) {
      try TrainOptions.parse(["--config", scratch.file("none.json")])
    }
    #expect(error.description.contains("none.json"))
    #expect(throws: InputError.self) { try TrainOptions.parse(["--config", scratch.path]) }
  }
}

@Suite struct RunOtherOptionsTests {
  @Test func predictNeedsAModelAnInputAndAnOutput() throws {
    func refusal(_ line: String) throws -> String {
      let arguments = line.split(separator: " ").map(String.init)
      return try #require(throws: InputError.self) { try PredictOptions.parse(arguments) }
        .description
    }
    #expect(try refusal("--dataset digits --output p").contains("--model"))
    #expect(try refusal("--model m --dataset digits").contains("--output"))
    #expect(try refusal("--model m --output p").contains("--input"))
    #expect(try refusal("--model m --output p --input x --dataset digits").contains("--input"))
    #expect(try refusal("--model m --output p --input x --split train").contains("--split"))
    #expect(try refusal("--model m --output p --dataset mnist").contains("--data"))
    #expect(try refusal("--model m --output p --input x --layer 0").contains("--layer"))
    let options = try PredictOptions.parse(
      "--model m --layer 3 --dataset mnist --data d --split train --samples 5 --output p"
        .split(separator: " ").map(String.init))
    #expect(options.layer == 3 && options.dataset == .mnist && options.split == .train)
    #expect(options.samples == 5 && options.output == "p" && options.model == "m")
  }

  /// Training data that have moved are where --data says, unless that is the folder of what to predict.
  @Test(arguments: [
    ("--input x", "old"), ("--input x --data new", "new"), ("--dataset mnist --data new", "old"),
    ("--dataset digits", "old"),
  ])
  func trainingDataOfAModel(line: String, folder: String) throws {
    let run = try TrainOptions.parse(["--dataset", "mnist", "--data", "old"])
    let arguments = line.split(separator: " ").map(String.init)
    let options = try PredictOptions.parse(["--model", "m", "--output", "p"] + arguments)
    #expect(options.trainingData(of: run) == folder)
  }

  @Test func debugDefaults() throws {
    #expect(try DebugOptions.parse([]) == DebugOptions())
    #expect(DebugOptions().samples == 300 && DebugOptions().dataset == .digits)
    #expect(try DebugOptions.parse(["--dump", "d", "--seed", "3"]).dump == "d")
    #expect(throws: InputError.self) { try DebugOptions.parse(["--dataset", "svhn"]) }
  }
}

@Suite struct RunQuantityTests {
  @Test(arguments: [
    ("20GiB", 20 << 30), ("500MB", 500_000_000), ("1.5GiB", 3 << 29), ("1.5gib", 3 << 29), ("7", 7),
    ("7B", 7), ("2TiB", 2 << 40), ("3kB", 3000), (".5KiB", 512),
  ])
  func sizes(text: String, bytes: Int) { #expect(Quantity.bytes(text) == bytes) }

  @Test(arguments: [
    "", "GiB", "-1GiB", "1e3MB", "nanGiB", "0", "0.2", "1..5GB", "20G", "9999999999TiB", "٣MB",
  ])
  func noSizes(text: String) { #expect(Quantity.bytes(text) == nil) }

  @Test(arguments: [
    ("10m", 600), ("30s", 30), ("1h30m", 5400), ("2.5h", 9000), ("1d", 86400), ("90", 90),
    ("0:00:30", 30),
    ("1:02:03", 3723), ("100:00:00", 360_000), ("1H30M", 5400),
  ])
  func times(text: String, seconds: Double) { #expect(Quantity.seconds(text) == seconds) }

  @Test(arguments: [
    "", "m", "30m1h", "1:30", "1:60:00", "1:00:60", "0:00:00", "0", "-5m", "5x", "1:2:3", "1h30",
  ])
  func noTimes(text: String) { #expect(Quantity.seconds(text) == nil) }
}
