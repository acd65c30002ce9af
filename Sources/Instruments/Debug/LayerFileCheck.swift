import MPI
import DeepRFM
import Files
import KernelMachine
import LinearAlgebra
import Runtime

#if canImport(Glibc)
  import Glibc
#endif

extension DebugProblem {
  /// A run's files as `train` writes them, read back as `predict` reads them: the share of numbers that changed a bit.
  func checkLayerFile(_ agop: Matrix<Double>, _ map: FeatureMap<Double>) throws -> [Check] {
    let scratch = try ScratchRun()
    var options = training.options
    options.layers = 1
    options.features = map.kind
    let configuration = RunConfiguration(
      options: options, ranks: 1, threads: 1, hosts: [], blasKernels: "")
    let directory = try RunFolder.create(scratch.directory.path, configuration)
    let recorder = RunRecorder<Double>(
      directory: directory, world: training.context.world, layout: samples.layout)
    try CheckpointFolder(directory).make()
    try recorder.saveData(samples)
    try recorder.save(1, agop, .features(map), a)
    try recorder.saveModel(samples, layer: 1)
    let run = try TrainedRun(directory.path)
    guard let again = try run.last.map().features else { throw InputError("\(run.directory.path) has no features") }
    var bits = BitComparison()
    bits.add(try run.last.agop(), agop)
    bits.add(again.projection, map.projection)
    bits.add(again.weights, map.weights)
    bits.add(again.phases ?? map.weights, map.phases ?? map.weights)
    bits.add(try run.last.coefficients(0..<n), a)
    bits.add(try run.centers(0..<n), rows.assembled())
    bits.add(run.standardisation.mean, samples.standardisation.mean)
    bits.add(run.standardisation.scale, samples.standardisation.scale)
    // The files live as long as this.
    withExtendedLifetime(scratch) {}
    let whole = run.order == samples.order && run.classCounts == samples.layout.classCounts
    return [
      Check("layer file round trip: \(map.kind)", error: whole ? bits.changed : 1, bound: 0)
    ]
  }
}

/// How many numbers are not what they were, to the last bit.
struct BitComparison {
  private var count = 0
  private var different = 0

  var changed: Double { Double(different) / Double(max(1, count)) }

  mutating func add(_ a: some Collection<Double>, _ b: some Collection<Double>) {
    count += max(a.count, b.count)
    different += max(a.count, b.count) - min(a.count, b.count)
    for (x, y) in zip(a, b) where x.bitPattern != y.bitPattern { different += 1 }
  }

  mutating func add(_ a: Matrix<Double>, _ b: Matrix<Double>) {
    withExtendedLifetime((a, b)) { add(a.buffer, b.buffer) }
  }
}

/// A place under TMPDIR for the files of a run of one layer; they go with this object (mkdtemp, remove).
final class ScratchRun {
  let directory: RunFolder
  private let folder: String

  /// Throws `FileError`.
  init() throws(FileError) {
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var name = Array("\(parent)/deeprfm-XXXXXX".utf8CString)
    guard mkdtemp(&name) != nil else { throw FileError("written to", parent, code: errno) }
    folder = String(decoding: name.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    directory = RunFolder(folder + "/run")
  }

  deinit {
    let checkpoint = CheckpointFolder(directory)
    let files = [
      directory.layer(1), directory.configuration, directory.data, directory.model, checkpoint.manifest,
      checkpoint.latest,
    ]
    for path in files + [directory.layers, checkpoint.path, directory.path, folder] { remove(path) }
  }
}
