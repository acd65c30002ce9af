import Files

/// The one pass through a CSV file whose coding is known: its rows, and what does not fit.
struct CSVCheck {
  private let coding: TableCoding
  private let rules: TableRules
  private let lookups: [[String: Int]?]
  private let hasLabels: Bool
  private let file: StreamedFile
  private(set) var rows = CSVRows()
  /// By column: rows with a text that training has not, and the first of them.
  private var unseen: [Int: (rows: Int, line: Int, text: String)] = [:]
  private var filled = 0

  init(
    _ file: StreamedFile, _ coding: TableCoding, _ rules: TableRules, _ lookups: [[String: Int]?], hasLabels: Bool
  ) {
    (self.file, self.coding, self.rules) = (file, coding, rules)
    (self.lookups, self.hasLabels) = (lookups, hasLabels)
  }

  /// What is to be said of a row.
  private struct Row {
    var label: Label?
    var missing: [Int] = []
    var unseen: [(column: Int, text: String)] = []

    mutating func clear() {
      label = nil
      missing.removeAll(keepingCapacity: true)
      unseen.removeAll(keepingCapacity: true)
    }
  }

  mutating func read(_ records: inout CSVRecords, _ roles: [CSVHeader.Role]) throws {
    var row = Row()
    while true {
      row.clear()
      let count = try records.next { place, field in
        switch roles[place] {
        case .target where hasLabels && !field.isMissing:
          row.label =
            try field.number.map { .number($0) } ?? .text(CSVSurvey.name(field, coding.target, file.path))
        case .feature(let column):
          if field.isMissing {
            row.missing.append(column)
          } else if let lookup = lookups[column] {
            if field.string.flatMap({ lookup[$0] }) == nil { row.unseen.append((column, field.shown)) }
          } else if field.number == nil {
            throw CSVRecords.bad(
              file.path, field.line,
              "the column \"\(coding.columns[column].name)\" has \(field.shown), and numbers in training")
          }
        default: break
        }
      }
      if count == nil { return }
      try add(row, records)
    }
  }

  private mutating func add(_ row: Row, _ records: CSVRecords) throws {
    if hasLabels, row.label == nil {
      rows.withoutTarget += 1
      return
    }
    if let first = row.missing.first {
      if rules.missing == .refuse { throw CSVRows.missing(coding.columns[first].name, records) }
      if rules.missing == .drop {
        rows.incomplete += 1
        return
      }
      // A model that was trained with another rule has no means.
      guard coding.columns[first].means != nil else { throw CSVRows.missing(coding.columns[first].name, records) }
    }
    filled += row.missing.count
    for (column, text) in row.unseen { unseen[column, default: (0, records.line, text)].rows += 1 }
    try rows.append(records, row.label, file)
  }

  var notes: [String] {
    let path = file.path
    var notes = unseen.sorted { $0.key < $1.key }.prefix(10).map { column, found in
      "\(path): the column \"\(coding.columns[column].name)\" has in \(found.rows) \(found.rows == 1 ? "row" : "rows") a category"
        + " that training has not (\(found.text) in line \(found.line)): its entries are 0"
    }
    if filled > 0 {
      notes.append(
        "\(path): \(filled) missing \(filled == 1 ? "value takes" : "values take") the mean of the training rows")
    }
    return notes + rows.notes(path)
  }
}
