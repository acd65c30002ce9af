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
  let classNames: [String]?
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
    (order, standardisation, classNames) = (data.order, data.standardisation, data.classNames)
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
      featureCount: featureCount, classCount: classCounts.count, classNames: classNames,
      trainSamples: order.count)
  }
}

/// data.safetensors: what turns a file's samples into X.
private struct RunData {
  let order: [Int]
  let standardisation: Standardisation
  let classNames: [String]?
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
    classNames = file.metadata[RunFolder.classNamesKey].flatMap(Self.names)
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

  private static func names(_ text: String) -> [String]? {
    guard case .array(let names)? = try? JSON(parsing: text.utf8) else { return nil }
    return names.compactMap { if case .string(let name) = $0 { name } else { nil } }
  }
}
