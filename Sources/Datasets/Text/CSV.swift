import Files

/// The rows of a CSV file with a header as samples, by a coding of its columns. Opening reads and checks the whole file, and keeps each
/// row's place and label.
struct CSV: SampleReader {
  private let file: StreamedFile
  private let fieldCount: Int
  private let roles: [CSVHeader.Role]
  private let rows: CSVRows
  private let lookups: [[String: Int]?]
  let coding: TableCoding?
  let hasLabels: Bool
  let notes: [String]
  private let table: TableCoding

  var sampleCount: Int { rows.count }
  var featureCount: Int { table.featureCount }
  var place: String { file.path }
  var targetNames: [String] { [table.target] }
  /// Ages and prices are whole numbers too.
  var mostNumberedClasses: Int { 20 }
  var labelPlace: String { "the column \"\(table.target)\" of \(file.path)" }

  func featureName(_ feature: Int) -> String {
    let (column, category) = table.place(of: feature)
    return "column \"\(column)\"" + (category.map { " (\"\($0)\")" } ?? "")
  }

  /// *Local.* A training file: it makes the coding. Throws `InputError`.
  /// - Parameters:
  ///   - limit: no more than the first so many rows.
  ///   - heldOut: rows from which no category and no mean is taken.
  init(training path: String, _ rules: TableRules, limit: Int? = nil, heldOut: Set<Int> = []) throws {
    let survey = try CSVSurvey(path, rules, limit: limit, heldOut: heldOut)
    table = try survey.coding()
    (file, rows, notes) = (survey.file, survey.rows, survey.notes(table))
    (roles, fieldCount) = (survey.roles, survey.roles.count)
    (coding, hasLabels) = (table, true)
    lookups = Self.lookups(table)
  }

  /// *Local.* Another file, whose columns are found by their names. Throws `InputError`.
  /// - Parameter labelled: whether its target is read, if it has one; rows without it are then dropped.
  init(_ path: String, _ coding: TableCoding, _ rules: TableRules, labelled: Bool = true) throws {
    let file = try StreamedFile(path, isText: true)
    var records = CSVRecords(try file.stream())
    let header = try CSVHeader(&records)
    let (roles, extra) = try header.roles(coding, rules)
    let lookups = Self.lookups(coding)
    let hasLabels = labelled && roles.contains(.target)
    var check = CSVCheck(file, coding, rules, lookups, hasLabels: hasLabels)
    try check.read(&records, roles)
    (self.file, self.roles, self.rows, self.lookups) = (file, roles, check.rows, lookups)
    (table, self.coding, self.hasLabels, fieldCount) = (coding, coding, hasLabels, header.names.count)
    var notes: [String] = []
    if !extra.isEmpty {
      notes.append("\(path) has columns that training has not, which are ignored: \(CSVHeader.listed(extra))")
    }
    self.notes = notes + check.notes
  }

  private static func lookups(_ coding: TableCoding) -> [[String: Int]?] {
    coding.columns.map { $0.categories.map { Dictionary(zip($0, 0...)) { first, _ in first } } }
  }

  func labels(first count: Int) throws -> [Label] {
    guard hasLabels else { throw InputError("\(file.path) has no column \"\(table.target)\"") }
    try checkAsked(count, of: file.path)
    return Array(rows.labels.prefix(count))
  }

  func readRows(
    _ indices: [Int],
    _ body: (_ position: Int, _ values: UnsafeBufferPointer<Double>) throws -> Void
  ) throws {
    var records = CSVRecords(try file.stream())
    records.fieldCount = fieldCount
    try readRows(
      indices,
      by: { row, sample in
        let place = rows.places[sample]
        try records.jump(to: place.offset, line: place.line)
        guard try fill(row, from: &records), records.offset == place.offset else { throw CSVRows.changed(file.path) }
      }, body)
  }

  /// Reads the next record; false at the end of the file.
  private func fill(_ row: UnsafeMutableBufferPointer<Double>, from records: inout CSVRecords) throws -> Bool {
    try records.next { place, field in
      guard place < roles.count, case .feature(let column) = roles[place] else { return }
      let start = table.starts[column]
      if field.isMissing {
        guard let means = table.columns[column].means else { throw CSVRows.changed(file.path) }
        for (offset, mean) in means.enumerated() { row[start + offset] = mean }
      } else if let lookup = lookups[column] {
        for offset in 0..<table.columns[column].width { row[start + offset] = 0 }
        if let category = field.string.flatMap({ lookup[$0] }) { row[start + category] = 1 }
      } else {
        guard let number = field.number else { throw CSVRows.changed(file.path) }
        row[start] = number
      }
    } != nil
  }
}
