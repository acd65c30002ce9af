import Files

/// MNIST, or a set in its form: an IDX file of images and one of labels. Row: the image's pixels, row by row.
public struct MNIST: SampleReader {
  public static let classCount = 10

  let images: IDXFile
  let labels: IDXFile
  public let sampleCount: Int
  public let featureCount: Int

  /// Opens one split; nil where the folder has no file of the test split.
  public static func open(_ split: Split, in folder: DataFolder) throws -> MNIST? {
    let prefix = split == .train ? "train" : "t10k"
    // Some copies spell the dash before idx as a dot.
    let images = ["-", "."].map { "\(prefix)-images\($0)idx3-ubyte" }
    let labels = ["-", "."].map { "\(prefix)-labels\($0)idx1-ubyte" }
    if split == .test, folder.find(images + labels) == nil { return nil }
    return try MNIST(images: folder.require(images), labels: folder.require(labels))
  }

  init(images imagePath: String, labels labelPath: String) throws {
    images = try IDXFile(imagePath, dimensions: 3)
    labels = try IDXFile(labelPath, dimensions: 1)
    sampleCount = images.table.count
    featureCount = images.table.recordBytes
    try Limits.checkSamples(sampleCount, of: imagePath, packed: images.packedBytes)
    try Limits.checkFeatures(featureCount, of: imagePath)
    try Limits.checkCounts(sampleCount, imagePath, labels: labels.table.count, labelPath)
  }

  public func labels(first count: Int) throws -> [Int] {
    try checkAsked(count, of: labels.path)
    var values: [Int] = []
    try labels.table.visit(first: count) { index, record in
      guard record[0] < MNIST.classCount else {
        throw InputError(
          "\(labels.path) has label \(record[0]) at sample \(index): it must be 0 to 9")
      }
      values.append(Int(record[0]))
    }
    return values
  }

  public func readRows(
    _ indices: [Int],
    _ body: (_ position: Int, _ values: UnsafeBufferPointer<Double>) throws -> Void
  ) throws {
    let requests = try RowRequest.inFileOrder(indices, count: sampleCount, of: images.path)
    try images.table.readRows(requests[...], features: featureCount, format: .byte, body)
  }
}
