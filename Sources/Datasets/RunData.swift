import Files
import LinearAlgebra
import Runtime

/// data.safetensors: what turns a file's samples into X.
public struct RunData {
  /// Class-sorted position -> position in the file; each sample once, at least one. With `validationOrder` the first samples of the
  /// file, none left out.
  public let order: [Int]
  /// Positions in the file of the samples that were held out to choose by; ascending.
  public let validationOrder: [Int]
  /// Class-sorted, so ascending: each sample's class, or its group where values are predicted.
  public let labels: [Int]
  /// nil: classes are predicted.
  public let values: ValueScale?
  /// One value a feature; an infinite scale belongs to a constant feature.
  public let standardisation: Standardisation
  /// LIBSVM: the file's least index, 0 or 1.
  public let firstIndex: Int
  /// A sample's dimensions, where the training file told them.
  public let sampleShape: [Int]?
  private let metadata: [String: String]
  private let path: String
  private let file: SafetensorsFile

  /// *Local.* Throws `InputError` unless the parts fit each other.
  init(_ file: SafetensorsFile) throws {
    path = file.path
    order = try file.vector("order")
    values = try Self.values(file)
    labels = try file.vector(values == nil ? "labels" : "groups", count: order.count)
    let holdsOut = file.tensors.contains { $0.name == RunFolder.validationOrderName }
    validationOrder = holdsOut ? try file.vector(RunFolder.validationOrderName) : []
    let mean = try file.vector("mean", as: Double.self)
    let scale = try file.vector("scale", count: mean.count, as: Double.self)
    guard !order.isEmpty, !mean.isEmpty, mean.allSatisfy(\.isFinite), scale.allSatisfy({ $0 > 0 }) else {
      throw InputError("\(path) holds no samples, or a mean or scale that is none")
    }
    standardisation = Standardisation(mean: mean, scale: scale)
    metadata = file.metadata
    self.file = file
    firstIndex = metadata[RunFolder.firstIndexKey] == "0" ? 0 : 1
    sampleShape = metadata[RunFolder.sampleShapeKey].map { $0.split(separator: ",").map { Int($0) ?? 0 } }
    try checkOrder()
  }

  private static func values(_ file: SafetensorsFile) throws -> ValueScale? {
    guard file.tensors.contains(where: { $0.name == "targetMean" }) else { return nil }
    let mean = try file.vector("targetMean", as: Double.self)
    let scale = try file.vector("targetScale", count: mean.count, as: Double.self)
    guard !mean.isEmpty, mean.allSatisfy(\.isFinite), scale.allSatisfy({ $0.isFinite && $0 >= 0 }) else {
      throw InputError("\(file.path) holds a mean or scale of its targets that is none")
    }
    return ValueScale(mean: mean, scale: scale)
  }

  /// *Local.* The training samples' values in their own units, class-sorted, (N x outputs); nil: classes. Throws `InputError`.
  public func trainingValues(_ rows: Range<Int>? = nil) throws -> Matrix<Double>? {
    guard let values else { return nil }
    try file.expect("targets", [order.count, values.outputs])
    return try file.matrix("targets", rows: rows)
  }

  /// Throws unless the order names every sample once and the labels ascend.
  private func checkOrder() throws(InputError) {
    let held = validationOrder.isEmpty ? "" : " and \"validationOrder\""
    var seen = [Bool](repeating: false, count: order.count + validationOrder.count)
    for position in order + validationOrder {
      guard seen.indices.contains(position), !seen[position] else {
        throw InputError("\(path): \"order\"\(held) is no order of \(seen.count) samples")
      }
      seen[position] = true
    }
    guard zip(labels, labels.dropFirst()).allSatisfy({ $0 <= $1 }) else {
      throw InputError("\(path): \"\(labelsName)\" is not sorted")
    }
  }

  private var labelsName: String { values == nil ? "labels" : "groups" }

  /// Samples of each of so many classes, or of each group. Throws `InputError` if a label is none of them.
  public func classCounts(outputs: Int) throws(InputError) -> [Int] {
    let classes = values == nil ? outputs : min(labels[labels.count - 1], order.count) + 1
    guard labels[0] >= 0, labels[labels.count - 1] < classes, classes <= Limits.classes else {
      throw InputError("\(path): \"\(labelsName)\" does not lie in 0 to \(classes - 1), the classes of the layers")
    }
    var counts = [Int](repeating: 0, count: classes)
    for label in labels { counts[label] += 1 }
    return counts
  }

  /// What the layers' outputs are. Throws `InputError`.
  public func targets(outputs: Int, _ dataset: DatasetName) throws(InputError) -> Targets {
    guard let values else { return .classes(try classes(count: outputs, dataset)) }
    guard values.outputs == outputs else {
      throw InputError("\(path) has the means of \(values.outputs) outputs, and the layers have \(outputs)")
    }
    return .values(values)
  }

  /// A run of an earlier version has names of LIBSVM's labels alone, and of CIFAR-10's classes: whose labels, as all others, are
  /// numbers from 0 on. Throws `InputError`.
  public func classes(count: Int, _ dataset: DatasetName) throws(InputError) -> Classes {
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

extension Standardisation {
  /// Whether it is the same but for rounding: sums over other ranks round differently.
  public func agrees(with other: Standardisation) -> Bool {
    func agree(_ a: [Double], _ b: [Double]) -> Bool {
      a.count == b.count && zip(a, b).allSatisfy { $0 == $1 || abs($0 - $1) <= 1e-9 * (abs($0) + abs($1)) + 1e-12 }
    }
    return agree(mean, other.mean) && agree(scale, other.scale)
  }
}

extension RunFolder {
  /// A tensor of data.safetensors, there where samples are held out to choose by.
  public static let validationOrderName = "validationOrder"

  /// In the metadata of data.safetensors, JSON arrays: the classes' names in their order; the labels that the files have for them,
  /// where these are others; a number, the index of the files' first feature, where it is not 1; and a sample's dimensions, with commas
  /// between them, where they are known.
  static let classNamesKey = "classNames"
  static let classLabelsKey = "classLabels"
  static let firstIndexKey = "firstIndex"
  static let sampleShapeKey = "sampleShape"

  /// Metadata that tell a sample's dimensions; empty: they are not known.
  public static func metadata(sampleShape: [Int]?) -> [String: String] {
    sampleShape.map { [sampleShapeKey: $0.map(String.init).joined(separator: ",")] } ?? [:]
  }

  /// Of data.safetensors.
  public static func metadata(_ targets: Targets, firstIndex: Int) -> [String: String] {
    let line = { (texts: [String]) in JSON.array(texts.map(JSON.string)).line }
    var metadata: [String: String] = [:]
    if let classes = targets.classes {
      metadata[classNamesKey] = line(classes.names)
      if classes.labels != classes.names { metadata[classLabelsKey] = line(classes.labels) }
    }
    if firstIndex != 1 { metadata[firstIndexKey] = "\(firstIndex)" }
    return metadata
  }

  /// *Local.* data.safetensors. Throws `InputError` or `FileError`.
  public func readData() throws -> RunData { try RunData(openTensors(data)) }
}
