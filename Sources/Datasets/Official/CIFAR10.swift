import Files
import Glibc

/// CIFAR-10, binary version (https://www.cs.toronto.edu/~kriz/cifar.html): batches of records, each one label
/// byte and 3,072 pixel bytes. Row: the pixels in channel, row, column order.
public struct CIFAR10: SampleReader {
  public static let classCount = 10
  static let recordBytes = 1 + 3072

  let batches: [RecordTable]
  /// Index of each batch's first sample, and last the number of all.
  let starts: [Int]

  public var sampleCount: Int { starts[batches.count] }
  public var featureCount: Int { CIFAR10.recordBytes - 1 }

  /// Opens one split; nil where the folder has no test batch.
  public static func open(_ split: Split, in folder: DataFolder) throws -> CIFAR10? {
    switch split {
    case .train:
      return try CIFAR10((1...5).map { try folder.require(spellings("data_batch_\($0).bin")) })
    case .test:
      return try folder.find(spellings("test_batch.bin")).map { try CIFAR10([$0]) }
    }
  }

  /// The ten names of batches.meta.txt, nil where it is missing or not ten lines.
  public static func classNames(in folder: DataFolder) throws -> [String]? {
    guard let path = folder.find(spellings("batches.meta.txt")) else { return nil }
    let text = String(decoding: try InputFile(path).beginning(1 << 12), as: UTF8.self)
    let names = text.split(whereSeparator: \.isNewline).map(String.init)
    return names.count == classCount ? names : nil
  }

  /// The official archive unpacks into a folder of its own.
  private static func spellings(_ name: String) -> [String] {
    [name, "cifar-10-batches-bin/\(name)"]
  }

  init(_ paths: [String]) throws {
    batches = try paths.map(CIFAR10.table)
    starts = batches.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.count) }
  }

  private static func table(_ path: String) throws -> RecordTable {
    let streamed = try StreamedFile(path)
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

  public func labels(first count: Int) throws -> [Int] {
    try checkAsked(count, of: batches[0].path)
    var values: [Int] = []
    for (batch, start) in zip(batches, starts) where start < count {
      try batch.visit(first: min(batch.count, count - start)) { index, record in
        guard record[0] < CIFAR10.classCount else {
          throw InputError(
            "\(batch.path) has label \(record[0]) at record \(index): it must be 0 to 9")
        }
        values.append(Int(record[0]))
      }
    }
    return values
  }

  public func readRows(
    _ indices: [Int],
    _ body: (_ position: Int, _ values: UnsafeBufferPointer<Double>) throws -> Void
  ) throws {
    var rest = try RowRequest.inFileOrder(indices, count: sampleCount, of: batches[0].path)[...]
    for (number, batch) in batches.enumerated() {
      let here = rest.prefix { $0.index < starts[number + 1] }
      rest = rest.dropFirst(here.count)
      try batch.readRows(
        here, firstIndex: starts[number], offset: 1, features: featureCount, format: .byte, body)
    }
  }
}
