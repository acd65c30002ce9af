import Files

/// The labels of an NPY array: one number or text a sample (n, n x 1 or 1 x n), or a row of numbers a sample: one-hot rows, or
/// values to be predicted.
struct NPYLabels {
  private(set) var values: [Label] = []

  /// Throws `InputError`.
  init(_ source: NPYSource, samples: Int) throws {
    let header = try NPYHeader(source)
    let shape = header.shape
    let isFlat = shape.count == 1 || (shape.count == 2 && (shape[1] == 1 || (shape[0] == 1 && samples != 1)))
    guard isFlat || (shape.count == 2 && shape[1] <= Limits.classes && shape[1] > 0) else {
      throw InputError("\(source.name) has the shape \(shape): one label a sample, or a row of numbers is needed")
    }
    try Limits.checkSamples(isFlat ? header.count : shape[0], of: source.name, packed: source.packedBytes)
    values.reserveCapacity(samples)
    switch header.type {
    case .number(let format):
      try isFlat ? readNumbers(source, header, format) : readRows(NPYArray(source, header))
    case .text(_, let isWide, let bigEndian):
      guard isFlat else {
        throw InputError("\(source.name) has text of the shape \(shape): one label a sample is needed")
      }
      try source.records(of: header, perRecord: 1).visit(first: header.count) { _, bytes in
        values.append(.text(Self.text(bytes, isWide: isWide, bigEndian: bigEndian)))
      }
    }
  }

  private mutating func readNumbers(_ source: NPYSource, _ header: NPYHeader, _ format: NumberFormat) throws {
    let requests = (0..<header.count).map { RowRequest(index: $0, position: $0) }
    try source.records(of: header, perRecord: 1).readRows(requests[...], features: 1, format: format) { row, value in
      guard value[0].isFinite else {
        throw InputError("\(source.name) has label \(value[0]) at row \(row): a finite number is needed")
      }
      values.append(.number(value[0]))
    }
  }

  private mutating func readRows(_ array: NPYArray) throws {
    var rows = [Label](repeating: .row([]), count: array.rows)
    try array.readRows(Array(0..<array.rows)) { row, values in rows[row] = Self.label(values) }
    values = rows
  }

  /// What a row of numbers is.
  static func label(_ row: UnsafeBufferPointer<Double>) -> Label {
    oneHot(row).map { .oneHot($0, of: row.count) } ?? .row(Array(row))
  }

  /// The place of the single 1 among zeros.
  private static func oneHot(_ values: UnsafeBufferPointer<Double>) -> Int? {
    var place: Int?
    for (index, value) in values.enumerated() where value != 0 {
      guard value == 1, place == nil else { return nil }
      place = index
    }
    return place
  }

  /// Without the zeros that fill it up. What is no character becomes a replacement mark.
  private static func text(_ bytes: UnsafeRawBufferPointer, isWide: Bool, bigEndian: Bool) -> String {
    guard isWide else {
      return String(decoding: bytes[..<(bytes.lastIndex { $0 != 0 }.map { $0 + 1 } ?? 0)], as: UTF8.self)
    }
    var scalars = (0..<bytes.count / 4).map { index in
      let raw = bytes.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)
      return bigEndian ? raw.bigEndian : raw.littleEndian
    }
    while scalars.last == 0 { scalars.removeLast() }
    var text = String.UnicodeScalarView()
    for scalar in scalars { text.append(Unicode.Scalar(scalar) ?? "\u{fffd}") }
    return String(text)
  }
}
