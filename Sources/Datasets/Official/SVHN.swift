import Files

/// SVHN, format 2 (http://ufldl.stanford.edu/housenumbers): X(row, column, channel, sample) and y, 10 for the
/// digit 0 (others write 0), in a MATLAB file, which may be gzip-compressed. Row: the pixels in channel, row, column order, the labels
/// 0 to 9.
struct SVHN: SampleReader {
  let images: RecordTable
  let labels: RecordTable
  let imageFormat: NumberFormat
  let labelFormat: NumberFormat
  /// Place in the file's record of each value of a row.
  let order: [Int]
  let sampleShape: [Int]?

  var sampleCount: Int { images.count }
  var featureCount: Int { order.count }
  var place: String { path }
  private var path: String { images.path }

  /// Opens one split; nil where the folder has no file of it. `hasExtra`: the extra samples behind the training samples.
  static func open(_ split: Split, hasExtra: Bool, in folder: DataFolder) throws -> (any SampleReader)? {
    guard let path = folder.find(["\(split.rawValue)_32x32.mat"]) else { return nil }
    let own = try SVHN(path)
    guard split == .train, hasExtra else { return own }
    return try SampleSequence([own, SVHN(folder.require(["extra_32x32.mat"]))])
  }

  init(_ path: String) throws {
    let arrays = try MATFile(path).variables(["X", "y"])
    let (x, y) = (arrays[0], arrays[1])
    guard 3...4 ~= x.dimensions.count else {
      throw InputError(
        "\(path) has X of size \(x.dimensions): (row, column, channel, sample) is needed")
    }
    let image = Array(x.dimensions[..<3])
    let features = checkedProduct(image) ?? 0
    try Limits.checkFeatures(features, of: path)
    images = x.records(of: features)
    try Limits.checkSamples(
      images.count, of: path, packed: x.element.isCompressed ? x.element.range.count : x.file.packedBytes)
    guard y.dimensions.contains(y.count) else {
      throw InputError("\(path) has y of size \(y.dimensions): one label a sample is needed")
    }
    labels = y.records(of: 1)
    try Limits.checkCounts(images.count, "X in \(path)", labels: labels.count, "y")
    imageFormat = x.format
    labelFormat = y.format
    order = SVHN.order(rows: image[0], columns: image[1], channels: image[2])
    sampleShape = [image[2], image[0], image[1]]
  }

  /// File: row fastest, then column, then channel. Ours: column fastest, then row, then channel.
  private static func order(rows: Int, columns: Int, channels: Int) -> [Int] {
    (0..<channels).flatMap { channel in
      (0..<rows).flatMap { row in
        (0..<columns).map { column in row + rows * (column + columns * channel) }
      }
    }
  }

  func labels(first count: Int) throws -> [Label] {
    try checkAsked(count, of: path)
    var values: [Label] = []
    let requests = (0..<count).map { RowRequest(index: $0, position: $0) }
    try labels.readRows(requests[...], features: 1, format: labelFormat) { index, value in
      guard let label = Int(exactly: value[0]), 0...10 ~= label else {
        throw InputError("\(path) has label \(value[0]) at sample \(index): it must be 0 to 10")
      }
      values.append(Label(label % 10))
    }
    return values
  }

  func readRows(
    _ indices: [Int],
    _ body: (_ position: Int, _ values: UnsafeBufferPointer<Double>) throws -> Void
  ) throws {
    let row = UnsafeMutableBufferPointer<Double>.allocate(capacity: featureCount)
    defer { row.deallocate() }
    row.initialize(repeating: 0)
    let requests = try RowRequest.inFileOrder(indices, count: sampleCount, of: path)
    try images.readRows(requests[...], features: featureCount, format: imageFormat) {
      position, record in
      for (place, source) in order.enumerated() { row[place] = record[source] }
      try body(position, UnsafeBufferPointer(row))
    }
  }
}
