import Files

/// Samples in LIBSVM's text format (https://www.csie.ntu.edu.tw/~cjlin/libsvm), where features that a line does
/// not name are 0.
///
/// Opening reads and checks the whole file once, and keeps each sample's label and place.
public struct LIBSVM: SampleReader {
  let file: StreamedFile
  /// Sorted; a label's place here is its class.
  let classLabels: [Double]
  public let featureCount: Int
  private let classes: [Int]
  private let places: [Place]

  private struct Place {
    let offset: Int
    let line: Int
  }

  public var sampleCount: Int { places.count }
  public var classCount: Int { classLabels.count }
  public var classNames: [String] {
    classLabels.map { label in Int(exactly: label).map(String.init) ?? "\(label)" }
  }

  /// What the training file fixes for the test file.
  public struct Known {
    public let classLabels: [Double]
    public let featureCount: Int
  }

  public var known: Known { Known(classLabels: classLabels, featureCount: featureCount) }

  /// The training file in a folder.
  public static func train(in folder: DataFolder) throws -> LIBSVM {
    try LIBSVM(folder.require(["train"]), known: nil)
  }

  /// The test file in a folder, nil where there is none.
  public static func test(in folder: DataFolder, known: Known) throws -> LIBSVM? {
    try folder.find(["test"]).map { try LIBSVM($0, known: known) }
  }

  /// `known`: labels and features beyond these throw `InputError`; nil: they are this file's own.
  public init(_ path: String, known: Known?) throws {
    file = try StreamedFile(path)
    var lines = LIBSVMLines(try file.stream())
    var labels: [Double] = []
    var places: [Place] = []
    var features = 0
    let knownLabels = known.map { Set($0.classLabels) }
    while let label = try lines.next({ index, _ in features = max(features, index + 1) }) {
      if let knownLabels, !knownLabels.contains(label) {
        throw lines.bad(
          "label \(label) is not among the training file's \(knownLabels.count) labels")
      }
      if let known, features > known.featureCount {
        throw lines.bad(
          "index \(features) is more than the training file's \(known.featureCount) features")
      }
      labels.append(label)
      try Limits.checkSamples(labels.count, of: path, packed: file.packedBytes)
      places.append(Place(offset: lines.lineOffset, line: lines.line))
    }
    self.places = places
    featureCount = known?.featureCount ?? features
    classLabels = known?.classLabels ?? Set(labels).sorted()
    try Limits.checkSamples(labels.count, of: path)
    try Limits.checkFeatures(featureCount, of: path)
    guard classLabels.count <= Limits.classes else {
      throw InputError(
        "\(path) has \(classLabels.count) different labels; at most \(Limits.classes) are supported"
      )
    }
    let numbers = Dictionary(zip(classLabels, 0...)) { first, _ in first }
    classes = labels.compactMap { numbers[$0] }
  }

  public func labels(first count: Int) throws -> [Int] {
    try checkAsked(count, of: file.path)
    return Array(classes.prefix(count))
  }

  public func readRows(
    _ indices: [Int],
    _ body: (_ position: Int, _ values: UnsafeBufferPointer<Double>) throws -> Void
  ) throws {
    let requests = try RowRequest.inFileOrder(indices, count: sampleCount, of: file.path)
    let row = UnsafeMutableBufferPointer<Double>.allocate(capacity: featureCount)
    defer { row.deallocate() }
    row.initialize(repeating: 0)
    var lines = LIBSVMLines(try file.stream())
    var filled: [Int] = []
    var current = -1
    for request in requests {
      if request.index != current {  // else the same row is asked for twice
        for index in filled { row[index] = 0 }  // cheaper than the whole row, which is sparse
        filled = try fill(row, with: request.index, from: &lines)
        current = request.index
      }
      try body(request.position, UnsafeBufferPointer(row))
    }
  }

  /// Reads one sample into a row of zeros; returns which features the file names.
  private func fill(
    _ row: UnsafeMutableBufferPointer<Double>, with sample: Int, from lines: inout LIBSVMLines
  ) throws -> [Int] {
    var filled: [Int] = []
    try lines.jump(to: places[sample].offset, line: places[sample].line)
    let label = try lines.next { index, value in
      guard index < row.count else { throw changed }
      row[index] = value
      filled.append(index)
    }
    guard label == classLabels[classes[sample]] else { throw changed }
    return filled
  }

  private var changed: InputError { InputError("\(file.path) has changed while it was read") }
}
