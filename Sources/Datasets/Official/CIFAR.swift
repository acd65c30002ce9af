import Files
import Glibc

/// CIFAR-10 and CIFAR-100, binary versions (https://www.cs.toronto.edu/~kriz/cifar.html): files of records, each one label byte
/// (CIFAR-100: two, the group's first) and 3,072 pixel bytes. Row: the pixels in channel, row, column order.
struct CIFAR: SampleReader {
  static let pixels = 3072

  private let form: Form
  let batches: [RecordTable]
  /// Index of each batch's first sample, and last the number of all.
  let starts: [Int]
  /// Nothing where the file of names is missing.
  private let names: [String]
  let notes: [String]

  /// One of the two sets.
  struct Form: Sendable {
    let name: String
    let files: [Split: [String]]
    let labelBytes: Int
    /// Of the label that is wanted, in a record.
    let labelOffset: Int
    let classCount: Int
    let nameFile: String
    /// What the official archives hold: the binary one, and a file and the folder of the Python one.
    let archive: String
    let pickles: [String]

    static let ten = Form(
      name: "CIFAR-10", files: [.train: (1...5).map { "data_batch_\($0).bin" }, .test: ["test_batch.bin"]],
      labelBytes: 1,
      labelOffset: 0, classCount: 10, nameFile: "batches.meta.txt", archive: "cifar-10-binary.tar.gz",
      pickles: ["data_batch_1", "cifar-10-batches-py/data_batch_1", "cifar-10-python.tar.gz"])

    static func hundred(_ labels: LabelSet) -> Form {
      Form(
        name: "CIFAR-100", files: [.train: ["train.bin"], .test: ["test.bin"]], labelBytes: 2,
        labelOffset: labels == .coarse ? 0 : 1, classCount: labels == .coarse ? 20 : 100,
        nameFile: "\(labels.rawValue)_label_names.txt", archive: "cifar-100-binary.tar.gz",
        pickles: ["train", "cifar-100-python/train", "cifar-100-python.tar.gz"])
    }
  }

  var sampleCount: Int { starts[batches.count] }
  var featureCount: Int { CIFAR.pixels }
  var sampleShape: [Int]? { [3, 32, 32] }
  var place: String { batches[0].path }

  /// Opens one split; nil where the folder has none of its files.
  static func open(_ split: Split, _ form: Form, in folder: DataFolder) throws -> CIFAR? {
    let wanted = form.files[split] ?? []
    let found = wanted.compactMap { folder.find([$0]) }
    if found.isEmpty {
      if split == .train, let pickle = form.pickles.lazy.compactMap({ folder.find([$0]) }).first {
        throw form.isPickle(pickle)
      }
      return nil
    }
    var notes: [String] = []
    if found.count < wanted.count {
      let missing = wanted.filter { folder.find([$0]) == nil }
      notes = [
        "\(folder.path) has only \(found.count) of the \(wanted.count) batches: \(missing.joined(separator: ", ")) missing"
      ]
    }
    return try CIFAR(found, form, names: names(form, in: folder), notes: notes)
  }

  /// The classes' names, nothing where the file is missing or has another number of lines.
  private static func names(_ form: Form, in folder: DataFolder) throws -> [String] {
    guard let path = folder.find([form.nameFile]) else { return [] }
    let text = String(decoding: try InputFile(path).beginning(1 << 14), as: UTF8.self)
    let names = text.split(whereSeparator: \.isNewline).map(String.init)
    return names.count == form.classCount ? names : []
  }

  private init(_ paths: [String], _ form: Form, names: [String], notes: [String]) throws {
    self.form = form
    self.names = names
    self.notes = notes
    batches = try paths.map { try CIFAR.table($0, form) }
    starts = batches.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.count) }
  }

  private static func table(_ path: String, _ form: Form) throws -> RecordTable {
    let streamed = try StreamedFile(path)
    // Protocol 2 and later begin so.
    if try streamed.file.beginning(2).starts(with: [0x80]), streamed.file.size % (form.labelBytes + pixels) != 0 {
      throw form.isPickle(path)
    }
    let recordBytes = form.labelBytes + pixels
    let bytes = streamed.isCompressed ? try unpackedSize(streamed) : streamed.file.size
    guard bytes % recordBytes == 0 else {
      throw InputError(
        "\(path) is truncated or has trailing bytes: \(bytes) is no multiple of the \(recordBytes) bytes of a"
          + " record")
    }
    try Limits.checkSamples(bytes / recordBytes, of: path)
    return streamed.records(of: recordBytes, count: bytes / recordBytes, after: 0)
  }

  /// The format has no header, so a compressed batch must be gone through to know its size.
  private static func unpackedSize(_ streamed: StreamedFile) throws -> Int {
    try streamed.stream().skipToEnd()
  }

  func className(of label: Label) -> String? {
    guard case .number(let value) = label, let place = Int(exactly: value), names.indices.contains(place) else {
      return nil
    }
    return names[place]
  }

  func labels(first count: Int) throws -> [Label] {
    try checkAsked(count, of: place)
    var values: [Label] = []
    for (batch, start) in zip(batches, starts) where start < count {
      try batch.visit(first: min(batch.count, count - start)) { index, record in
        let label = record[form.labelOffset]
        guard label < form.classCount else {
          throw InputError(
            "\(batch.path) has label \(label) at record \(index): it must be 0 to \(form.classCount - 1)")
        }
        values.append(Label(Int(label)))
      }
    }
    return values
  }

  func readRows(
    _ indices: [Int],
    _ body: (_ position: Int, _ values: UnsafeBufferPointer<Double>) throws -> Void
  ) throws {
    var rest = try RowRequest.inFileOrder(indices, count: sampleCount, of: place)[...]
    for (number, batch) in batches.enumerated() {
      let here = rest.prefix { $0.index < starts[number + 1] }
      rest = rest.dropFirst(here.count)
      try batch.readRows(
        here, firstIndex: starts[number], offset: form.labelBytes, features: featureCount, format: .byte, body)
    }
  }
}

extension CIFAR.Form {
  /// What to do about the Python version: get the other, or two lines that convert this one.
  func isPickle(_ path: String) -> InputError {
    let label = labelBytes == 1 ? "[l]" : "[c, l]"
    let keys = labelBytes == 1 ? "d[b'labels'], d[b'data']" : "d[b'coarse_labels'], d[b'fine_labels'], d[b'data']"
    let names = labelBytes == 1 ? "l, x" : "c, l, x"
    return InputError(
      "\(path) is the Python version of \(name) (pickle): get \(archive) from https://www.cs.toronto.edu/~kriz/cifar.html, or"
        + " convert each of its files, in Python: import pickle; d = pickle.load(open(f, 'rb'), encoding='bytes');"
        + " open(f + '.bin', 'wb').write(b''.join(bytes(\(label)) + x.tobytes() for \(names) in zip(\(keys))))")
  }
}
