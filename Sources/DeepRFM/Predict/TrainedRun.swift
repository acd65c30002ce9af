import Datasets
import Files
import Glibc
import LinearAlgebra
import Runtime

/// A run directory as prediction needs it: everything but the large tensors read, all shapes proven to fit each other.
///
/// Whoever wrote the files, a `TrainedRun` that exists is safe to compute with; else `InputError`.
public struct TrainedRun {
  public let directory: RunFolder
  /// As the run used them.
  let options: TrainOptions
  /// Class-sorted position -> position in the file.
  public let order: [Int]
  /// Samples of each class, or group where values are predicted.
  public let classCounts: [Int]
  let targets: Targets
  private let data: RunData
  /// LIBSVM: index of the files' first feature.
  let firstIndex: Int
  /// csv: how the files' columns are features.
  let coding: TableCoding?
  public let standardisation: Standardisation
  /// Layers 1, 2, ... up to the one whose predictor is wanted.
  let layers: [LayerFile]

  public var last: LayerFile { layers[layers.count - 1] }
  /// The layers whose maps lead from the data to the last one's input: a plain RFM's is the one before it.
  var mapsToLast: ArraySlice<LayerFile> { options.model == .rfm ? layers.dropLast().suffix(1) : layers.dropLast() }
  var featureCount: Int { standardisation.mean.count }
  /// The layer whose centers are in model.safetensors.
  let storedLayer: Int
  var storesCenters: Bool { layers.count == storedLayer }
  private let heldOut: Int

  /// *Local.* - Parameter layer: whose predictor is wanted, from 1; nil: the selected one.
  public init(_ path: String, layer: Int? = nil) throws {
    directory = RunFolder(path)
    if !InputFile.exists(directory.configuration) && (errno == ENOENT || errno == ENOTDIR) {
      throw InputError("\(path) is no run directory: it has no config.json")
    }
    options = try directory.readConfiguration().options
    let layer = try layer ?? directory.readFacts()?.selectedLayer ?? options.layers
    storedLayer = directory.layerOfModel ?? options.layers
    guard 1...options.layers ~= layer else {
      throw InputError("--layer \(layer): the run in \(path) has \(options.layers) layers")
    }
    data = try directory.readData()
    (order, standardisation, firstIndex) = (data.order, data.standardisation, data.firstIndex)
    coding = options.dataset == .csv ? try directory.readFacts()?.coding : nil
    if let coding, coding.featureCount != standardisation.mean.count {
      throw InputError(
        "\(directory.facts) has columns of \(coding.featureCount) features, and the run \(standardisation.mean.count)")
    }
    heldOut = data.validationOrder.count
    var layers: [LayerFile] = []
    for number in 1...layer {
      let file = try LayerFile(directory.openLayer(number), options)
      let width = layers.last?.outputWidth ?? data.standardisation.mean.count
      let outputs = layers.first?.outputs ?? file.outputs
      guard (file.inputWidth, file.samples, file.outputs) == (width, data.order.count, outputs)
      else {
        throw InputError(
          "\(file.path) is for \(file.samples) samples of \(file.inputWidth) features and \(file.outputs) outputs,"
            + " and \(data.order.count) of \(width) and \(outputs) are needed: is it another run's?"
        )
      }
      layers.append(file)
    }
    self.layers = layers
    classCounts = try data.classCounts(outputs: layers[0].outputs)
    targets = try data.targets(outputs: layers[0].outputs, options.dataset)
  }

  /// *Local.* Whether a data set's labels are those that the run was trained on. Throws `InputError`.
  func wasTrained(on labels: [Label], _ place: String) throws -> Bool {
    guard samplesOfFile <= labels.count else { return false }
    switch targets {
    case .classes(let classes):
      let numbers = classes.numbers(of: labels)
      return zip(order, data.labels).allSatisfy { numbers[$0] == $1 }
    case .values(let scale):
      let found = try ValueScale.matrix(of: labels, outputs: scale.outputs, place: place)
      guard let trained = try data.trainingValues() else { return false }
      return order.indices.allSatisfy { i in
        (0..<scale.outputs).allSatisfy { found[order[i], $0] == trained[i, $0] }
      }
    }
  }

  /// Samples of the training file that the run took, those held out among them.
  var samplesOfFile: Int { order.count + heldOut }

  /// *Local.* Rows of the stored layer's X, class-sorted, of unit norm. Throws `InputError`.
  public func centers(_ rows: Range<Int>) throws -> Matrix<Double> {
    let file = try directory.openTensors(directory.model)
    try file.expect("centers", [order.count, last.inputWidth])
    return try file.matrix("centers", rows: rows)
  }

  /// What a data set must agree with.
  var trained: Dataset.Trained {
    Dataset.Trained(
      featureCount: featureCount, trainSamples: samplesOfFile, variant: options.datasetVariant, firstIndex: firstIndex,
      coding: coding, testSamples: options.testSamples)
  }
}
