import Files
import Runtime

/// data.safetensors: what turns a file's samples into X.
public struct RunData {
  /// Class-sorted position -> position in the file; each sample once, at least one. With `validationOrder` the first samples of the
  /// file, none left out.
  public let order: [Int]
  /// Positions in the file of the samples that were held out to choose by; ascending.
  public let validationOrder: [Int]
  /// Class-sorted, so ascending.
  public let labels: [Int]
  /// One value a feature; an infinite scale belongs to a constant feature.
  public let standardisation: Standardisation
  /// LIBSVM: the file's least index, 0 or 1.
  public let firstIndex: Int
  private let metadata: [String: String]
  private let path: String

  /// *Local.* Throws `InputError` unless the parts fit each other.
  public init(_ file: SafetensorsFile) throws {
    path = file.path
    order = try file.vector("order")
    labels = try file.vector("labels", count: order.count)
    let holdsOut = file.tensors.contains { $0.name == RunFolder.validationOrderName }
    validationOrder = holdsOut ? try file.vector(RunFolder.validationOrderName) : []
    let mean = try file.vector("mean", as: Double.self)
    let scale = try file.vector("scale", count: mean.count, as: Double.self)
    guard !order.isEmpty, !mean.isEmpty, mean.allSatisfy(\.isFinite), scale.allSatisfy({ $0 > 0 }) else {
      throw InputError("\(path) holds no samples, or a mean or scale that is none")
    }
    standardisation = Standardisation(mean: mean, scale: scale)
    metadata = file.metadata
    firstIndex = metadata[RunFolder.firstIndexKey] == "0" ? 0 : 1
    try checkOrder()
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
      throw InputError("\(path): \"labels\" is not sorted")
    }
  }

  /// Samples of each of so many classes. Throws `InputError` if a label is none of them.
  public func classCounts(classes: Int) throws(InputError) -> [Int] {
    guard labels[0] >= 0, labels[labels.count - 1] < classes, classes <= Limits.classes else {
      throw InputError("\(path): \"labels\" does not lie in 0 to \(classes - 1), the classes of the layers")
    }
    var counts = [Int](repeating: 0, count: classes)
    for label in labels { counts[label] += 1 }
    return counts
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
  /// where these are others; and a number, the index of the files' first feature, where it is not 1.
  static let classNamesKey = "classNames"
  static let classLabelsKey = "classLabels"
  static let firstIndexKey = "firstIndex"

  /// Of data.safetensors.
  public static func metadata(_ classes: Classes, firstIndex: Int) -> [String: String] {
    let line = { (texts: [String]) in JSON.array(texts.map(JSON.string)).line }
    var metadata = [classNamesKey: line(classes.names)]
    if classes.labels != classes.names { metadata[classLabelsKey] = line(classes.labels) }
    if firstIndex != 1 { metadata[firstIndexKey] = "\(firstIndex)" }
    return metadata
  }

  /// *Local.* data.safetensors. Throws `InputError` or `FileError`.
  public func readData() throws -> RunData { try RunData(openTensors(data)) }
}
