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
  public let options: TrainOptions
  /// Class-sorted position -> position in the file.
  public let order: [Int]
  /// Samples of each class; K of them.
  public let classCounts: [Int]
  public let classes: Classes
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
    let data = try directory.readData()
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
      let classes = layers.first?.classCount ?? file.classCount
      guard (file.inputWidth, file.samples, file.classCount) == (width, data.order.count, classes)
      else {
        throw InputError(
          "\(file.path) is for \(file.samples) samples of \(file.inputWidth) features and \(file.classCount) classes,"
            + " and \(data.order.count) of \(width) and \(classes) are needed: is it another run's?"
        )
      }
      layers.append(file)
    }
    self.layers = layers
    classCounts = try data.classCounts(classes: layers[0].classCount)
    classes = try data.classes(count: layers[0].classCount, options.dataset)
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
      coding: coding)
  }
}
