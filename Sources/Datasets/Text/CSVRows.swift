import Files

/// The rows of a CSV file that are samples: where they stand, and their labels.
struct CSVRows {
  struct Place {
    let offset: Int
    let line: Int
  }

  private(set) var places: [Place] = []
  var labels: [Label] = []
  /// Rows that were dropped.
  var withoutTarget = 0
  var incomplete = 0

  var count: Int { places.count }

  /// The record read last. Throws `InputError` where the file unpacks to too many.
  mutating func append(_ records: CSVRecords, _ label: Label?, _ file: StreamedFile) throws {
    places.append(Place(offset: records.offset, line: records.line))
    if let label { labels.append(label) }
    try Limits.checkSamples(places.count, of: file.path, packed: file.packedBytes)
  }

  func notes(_ path: String) -> [String] {
    let counts = [(withoutTarget, "without a target"), (incomplete, "with missing values")].filter { $0.0 > 0 }
    return counts.map { count, what in
      "\(path): \(count) \(count == 1 ? "row" : "rows") \(what) \(count == 1 ? "is" : "are") dropped"
    }
  }

  static func missing(_ column: String, _ records: CSVRecords) -> InputError {
    records.bad("the column \"\(column)\" has no value, which training takes with --missing mean or drop only")
  }

  static func changed(_ path: String) -> InputError { InputError("\(path) has changed while it was read") }
}
