import Files

/// MNIST, or a set in its form: an IDX file of records and one of labels. Row: the record's numbers, last dimension fastest.
struct IDXSamples: SampleReader {
  let images: IDXFile
  let labels: IDXFile
  let sampleCount: Int
  let featureCount: Int
  var place: String { images.path }
  var labelPlace: String { labels.path }
  var sampleShape: [Int]? { images.sizes.count > 2 ? Array(images.sizes.dropFirst()) : nil }
  let notes: [String]

  /// Numbers that QMNIST has for a sample: its class, and who wrote it.
  private static let describedLabel = 8

  init(images imagePath: String, labels labelPath: String) throws {
    images = try IDXFile(imagePath, dimensions: 2...4)
    labels = try IDXFile(labelPath, dimensions: 1...2)
    sampleCount = images.table.count
    featureCount = images.recordCount
    try Limits.checkSamples(sampleCount, of: imagePath, packed: images.packedBytes)
    try Limits.checkFeatures(featureCount, of: imagePath)
    try Limits.checkCounts(sampleCount, imagePath, labels: labels.table.count, labelPath)
    let isDescribed = labels.recordCount == Self.describedLabel
    notes = isDescribed ? ["\(labelPath) has 8 numbers a sample: the first, its class, is read"] : []
    guard labels.recordCount == 1 || isDescribed else {
      throw InputError("\(labelPath) has the sizes \(labels.sizes): one label a sample is needed")
    }
  }

  func labels(first count: Int) throws -> [Label] {
    try checkAsked(count, of: labels.path)
    var values: [Label] = []
    values.reserveCapacity(count)
    let requests = (0..<count).map { RowRequest(index: $0, position: $0) }
    try labels.table.readRows(requests[...], features: labels.recordCount, format: labels.format) {
      values.append(.number($1[0]))
    }
    return values
  }

  func readRows(
    _ indices: [Int],
    _ body: (_ position: Int, _ values: UnsafeBufferPointer<Double>) throws -> Void
  ) throws {
    let requests = try RowRequest.inFileOrder(indices, count: sampleCount, of: images.path)
    try images.table.readRows(requests[...], features: featureCount, format: images.format, body)
  }
}

/// The names of a set's IDX files: MNIST's own, and those of its relatives (Fashion-MNIST, KMNIST, EMNIST), which put a name
/// before them: emnist-letters-train-images-idx3-ubyte.
struct IDXNames {
  /// One file of a folder.
  private struct File {
    /// What stands before the split: "" or "emnist-letters-".
    let set: String
    let split: Split
    let isImages: Bool
    let path: String
  }

  /// Opens one split of the only set in the folder; nil where it has no file of the split. Throws `InputError`.
  static func open(_ split: Split, in folder: DataFolder) throws -> IDXSamples? {
    let found = try folder.places.map { place in
      (place, try folder.names(in: place).compactMap { Self.file($0, in: place) })
    }.filter { !$0.1.isEmpty }
    if found.count > 1, found[0].0 != folder.path {
      throw InputError(
        "\(folder.path) holds several sets (\(found.map { $0.0.dropFirst(folder.path.count + 1) }.joined(separator: ", "))):"
          + " give --data the folder of one")
    }
    let files = found.first?.1 ?? []
    let sets = Set(files.map(\.set)).sorted()
    guard sets.count <= 1 || sets.contains("") else {
      throw InputError(
        "\(folder.path) holds \(sets.count) sets (\(sets.map { $0.dropLast() }.joined(separator: ", "))): put the files of one"
          + " into a folder of its own (links will do)")
    }
    let own = files.filter { $0.split == split && $0.set == sets.first }
    if own.isEmpty { return nil }
    func path(_ isImages: Bool) throws -> String {
      guard let file = own.first(where: { $0.isImages == isImages }) else {
        let (has, lacks) = isImages ? ("labels", "images") : ("images", "labels")
        let name = "\(sets[0])\(split == .train ? "train" : "t10k")-\(lacks)-idx\(isImages ? 3 : 1)-ubyte"
        throw InputError("\(own[0].path) (\(has)) has no file \(name) beside it, plain or with .gz")
      }
      return file.path
    }
    return try IDXSamples(images: path(true), labels: path(false))
  }

  /// What a file is by its name; nil: something else. Some copies spell the dash before idx as a dot.
  private static func file(_ name: String, in place: String) -> File? {
    var stem = name[...]
    if let ending = OtherPacking.endings.first(where: { stem.hasSuffix($0) }) { stem = stem.dropLast(ending.count) }
    for kind in ["images", "labels"] {
      for (word, split) in [("train", Split.train), ("t10k", .test), ("test", .test)] {
        for mark in ["-idx", ".idx"] {
          guard let range = stem.firstRange(of: "\(word)-\(kind)\(mark)") else { continue }
          let before = stem[..<range.lowerBound]
          guard before.isEmpty || before.hasSuffix("-") else { continue }
          return File(set: String(before), split: split, isImages: kind == "images", path: "\(place)/\(name)")
        }
      }
    }
    return nil
  }
}
