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
  public let standardisation: Standardisation
  /// Layers 1, 2, ... up to the one whose predictor is wanted.
  let layers: [LayerFile]

  public var last: LayerFile { layers[layers.count - 1] }
  var featureCount: Int { standardisation.mean.count }
  /// Whether the wanted layer's centers are in model.safetensors.
  var storesCenters: Bool { layers.count == options.layers }

  /// *Local.* - Parameter layer: whose predictor is wanted, from 1; nil: the last.
  public init(_ path: String, layer: Int? = nil) throws {
    directory = RunFolder(path)
    if !InputFile.exists(directory.configuration) && (errno == ENOENT || errno == ENOTDIR) {
      throw InputError("\(path) is no run directory: it has no config.json")
    }
    options = try directory.readConfiguration().options
    let layer = layer ?? options.layers
    guard 1...options.layers ~= layer else {
      throw InputError("--layer \(layer): the run in \(path) has \(options.layers) layers")
    }
    let data = try RunData(directory)
    (order, standardisation, firstIndex) = (data.order, data.standardisation, data.firstIndex)
    var layers: [LayerFile] = []
    for number in 1...layer {
      let file = try LayerFile(directory.own(directory.layer(number)), features: options.features)
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

  /// *Local.* Rows of the last layer's X, class-sorted, of unit norm. Throws `InputError`.
  public func centers(_ rows: Range<Int>) throws -> Matrix<Double> {
    let file = try SafetensorsFile(directory.own(directory.model))
    try file.expect("centers", [order.count, last.inputWidth])
    return try file.matrix("centers", rows: rows)
  }

  /// What a data set must agree with.
  var trained: Dataset.Trained {
    Dataset.Trained(
      featureCount: featureCount, trainSamples: order.count, variant: options.datasetVariant, firstIndex: firstIndex)
  }
}

/// data.safetensors: what turns a file's samples into X.
private struct RunData {
  let order: [Int]
  let standardisation: Standardisation
  let firstIndex: Int
  private let metadata: [String: String]
  private let labels: [Int]
  private let path: String

  init(_ directory: RunFolder) throws {
    let file = try SafetensorsFile(directory.own(directory.data))
    path = file.path
    order = try file.vector("order")
    labels = try file.vector("labels", count: order.count)
    let mean = try file.vector("mean", as: Double.self)
    let scale = try file.vector("scale", count: mean.count, as: Double.self)
    // An infinite scale belongs to a constant feature.
    guard !order.isEmpty, !mean.isEmpty, mean.allSatisfy(\.isFinite), scale.allSatisfy({ $0 > 0 })
    else {
      throw InputError("\(path) holds no samples, or a mean or scale that is none")
    }
    standardisation = Standardisation(mean: mean, scale: scale)
    metadata = file.metadata
    firstIndex = metadata[RunFolder.firstIndexKey] == "0" ? 0 : 1
    try checkOrder()
  }

  /// Throws unless the order names every sample once and the labels ascend.
  private func checkOrder() throws {
    var seen = [Bool](repeating: false, count: order.count)
    for position in order {
      guard seen.indices.contains(position), !seen[position] else {
        throw InputError("\(path): \"order\" is no order of \(order.count) samples")
      }
      seen[position] = true
    }
    guard zip(labels, labels.dropFirst()).allSatisfy({ $0 <= $1 }) else {
      throw InputError("\(path): \"labels\" is not sorted")
    }
  }

  func classCounts(classes: Int) throws -> [Int] {
    guard labels[0] >= 0, labels[labels.count - 1] < classes, classes <= Limits.classes else {
      throw InputError(
        "\(path): \"labels\" does not lie in 0 to \(classes - 1), the classes of the layers")
    }
    var counts = [Int](repeating: 0, count: classes)
    for label in labels { counts[label] += 1 }
    return counts
  }

  /// A run of an earlier version has names of LIBSVM's labels alone, and of CIFAR-10's classes: whose labels, as all others, are
  /// numbers from 0 on.
  func classes(count: Int, _ dataset: DatasetName) throws -> Classes {
    let names = metadata[RunFolder.classNamesKey].flatMap(Classes.names)
    let labels = metadata[RunFolder.classLabelsKey].flatMap(Classes.names)
    let counted = (0..<count).map(String.init)
    let classes = Classes(
      labels: labels ?? (dataset == .cifar10 ? counted : names ?? counted), names: names ?? labels ?? counted)
    guard classes.labels.count == count, classes.names.count == count, Set(classes.labels).count == count else {
      throw InputError("\(path): its class names or labels are not one each for the \(count) classes of the layers")
    }
    return classes
  }
}
