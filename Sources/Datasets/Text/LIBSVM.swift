import Files

/// Samples in LIBSVM's text format (https://www.csie.ntu.edu.tw/~cjlin/libsvm), where features that a line does
/// not name are 0. Features are counted from 1, or from 0 where an index 0 occurs (scikit-learn writes so).
///
/// Opening reads and checks the whole file once, and keeps each sample's label and place.
struct LIBSVM: SampleReader {
  let file: StreamedFile
  let featureCount: Int
  /// Index of the first feature in the file.
  let firstIndex: Int
  let notes: [String]
  private let numbers: [Double]
  private let places: [Place]

  private struct Place {
    let offset: Int
    let line: Int
  }

  var sampleCount: Int { places.count }
  var place: String { file.path }
  func featureName(_ feature: Int) -> String { "feature \(feature + firstIndex)" }

  /// What the training file fixes for the test file.
  struct Known: Sendable {
    let featureCount: Int
    let firstIndex: Int

    init(featureCount: Int, firstIndex: Int) {
      self.featureCount = featureCount
      self.firstIndex = firstIndex
    }
  }

  /// Training and test samples of a folder, nil where there are none; `wantsTest`: whether the test file is read at all.
  static func open(_ folder: DataFolder, wantsTest: Bool) throws -> (train: LIBSVM, test: LIBSVM?)? {
    let files = try LIBSVMFolder(folder)
    guard let path = files.train else { return nil }
    let first = try Scan(path)
    let second = wantsTest ? try files.test.map { try Scan($0) } : nil
    // The files of a pair count alike: an index 0 in one tells of both.
    let firstIndex = min(first.smallestIndex, second?.smallestIndex ?? 1) == 0 ? 0 : 1
    let train = try LIBSVM(first, known: nil, firstIndex: firstIndex)
    let known = Known(featureCount: train.featureCount, firstIndex: firstIndex)
    return (train, try second.map { try LIBSVM($0, known: known, firstIndex: firstIndex) })
  }

  /// *Local.* A file alone, which the model of `known` is to predict, or to be trained on.
  /// Throws `InputError`, also where it has an index 0 and the model was trained on features from 1 on.
  init(_ path: String, known: Known?) throws {
    let scan = try Scan(path)
    let own = scan.smallestIndex == 0 ? 0 : 1
    if own == 0, known?.firstIndex == 1 {
      throw InputError("\(path) counts its features from 0, but the model was trained on features from 1 on")
    }
    try self.init(scan, known: known, firstIndex: known?.firstIndex ?? own)
  }

  private init(_ scan: Scan, known: Known?, firstIndex: Int) throws {
    let path = scan.file.path
    file = scan.file
    numbers = scan.labels
    places = scan.places
    self.firstIndex = firstIndex
    let own = scan.largestIndex + 1 - firstIndex
    featureCount = known?.featureCount ?? own
    if known == nil {
      try Limits.checkSamples(places.count, of: path)
      try Limits.checkFeatures(featureCount, of: path)
    }
    var notes: [String] = []
    if firstIndex == 0, known == nil { notes.append("\(path) counts its features from 0 (an index 0 occurs)") }
    if scan.hasQueries { notes.append("\(path) has query numbers (qid), which are passed over") }
    if own > featureCount {
      notes.append(
        "\(path) has features up to \(scan.largestIndex), training only up to \(featureCount - 1 + firstIndex): those beyond are"
          + " ignored")
    }
    self.notes = notes
  }

  /// What one pass through the file finds.
  private struct Scan {
    let file: StreamedFile
    var labels: [Double] = []
    var places: [Place] = []
    var smallestIndex = 1
    var largestIndex = -1
    var hasQueries = false

    init(_ path: String) throws {
      file = try StreamedFile(path, isText: true)
      var lines = LIBSVMLines(try file.stream())
      var (smallest, largest) = (1, -1)
      while let label = try lines.next({ index, _ in
        smallest = min(smallest, index)
        largest = max(largest, index)
      }) {
        labels.append(label)
        try Limits.checkSamples(labels.count, of: path, packed: file.packedBytes)
        places.append(Place(offset: lines.lineOffset, line: lines.line))
      }
      (smallestIndex, largestIndex, hasQueries) = (smallest, largest, lines.hasQueries)
    }
  }

  func labels(first count: Int) throws -> [Label] {
    try checkAsked(count, of: file.path)
    return numbers.prefix(count).map { .number($0) }
  }

  func readRows(
    _ indices: [Int],
    _ body: (_ position: Int, _ values: UnsafeBufferPointer<Double>) throws -> Void
  ) throws {
    var lines = LIBSVMLines(try file.stream())
    var filled: [Int] = []
    try readRows(
      indices,
      by: { row, sample in
        for index in filled { row[index] = 0 }  // cheaper than the whole row, which is sparse
        filled = try fill(row, with: sample, from: &lines)
      }, body)
  }

  /// Reads one sample into a row of zeros; returns which features the file names.
  private func fill(
    _ row: UnsafeMutableBufferPointer<Double>, with sample: Int, from lines: inout LIBSVMLines
  ) throws -> [Int] {
    var filled: [Int] = []
    try lines.jump(to: places[sample].offset, line: places[sample].line)
    let label = try lines.next { index, value in
      let place = index - firstIndex
      guard place >= 0 else { throw changed }
      if place >= row.count { return }
      row[place] = value
      filled.append(place)
    }
    guard label == numbers[sample] else { throw changed }
    return filled
  }

  private var changed: InputError { InputError("\(file.path) has changed while it was read") }
}
