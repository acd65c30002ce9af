import Datasets
import Files
import Runtime

/// data.safetensors: what turns a file's samples into X.
public struct RunData {
  /// Class-sorted position -> position in the file; each sample once, at least one.
  public let order: [Int]
  /// Class-sorted, so ascending.
  public let labels: [Int]
  /// One value a feature; an infinite scale belongs to a constant feature.
  public let standardisation: Standardisation
  /// nil where the data set names none.
  public let classNames: [String]?
  private let path: String

  /// *Local.* Throws `InputError` unless the parts fit each other.
  init(_ file: SafetensorsFile) throws {
    path = file.path
    order = try file.vector("order")
    labels = try file.vector("labels", count: order.count)
    let mean = try file.vector("mean", as: Double.self)
    let scale = try file.vector("scale", count: mean.count, as: Double.self)
    guard !order.isEmpty, !mean.isEmpty, mean.allSatisfy(\.isFinite), scale.allSatisfy({ $0 > 0 }) else {
      throw InputError("\(path) holds no samples, or a mean or scale that is none")
    }
    standardisation = Standardisation(mean: mean, scale: scale)
    classNames = file.metadata[RunFolder.classNamesKey].flatMap(Self.names)
    try checkOrder()
  }

  /// Throws unless the order names every sample once and the labels ascend.
  private func checkOrder() throws(InputError) {
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

  /// Samples of each of so many classes. Throws `InputError` if a label is none of them.
  public func classCounts(classes: Int) throws(InputError) -> [Int] {
    guard labels[0] >= 0, labels[labels.count - 1] < classes, classes <= Limits.classes else {
      throw InputError("\(path): \"labels\" does not lie in 0 to \(classes - 1), the classes of the layers")
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
