import Files

/// What the training rows of a CSV file say: which columns are numbers, the categories of the others, where the rows are. Two passes
/// through the file, the second only if there is text. Rows held out say only which columns are numbers, for they must be read too.
struct CSVSurvey {
  /// The most categories of a column.
  static let mostCategories = 256
  /// Bytes of a category's or a class's name.
  static let longestName = 256

  let file: StreamedFile
  private let rules: TableRules
  private let header: CSVHeader
  let roles: [CSVHeader.Role]
  private let target: String
  private let names: [String]

  private(set) var rows = CSVRows()
  private let heldOut: Set<Int>
  private var columns: [ColumnFacts]
  private var targetFacts = ColumnFacts()

  /// What the first pass sees of a column.
  private struct ColumnFacts {
    var numbers = 0
    var texts = 0
    var missing = 0
    /// Values of rows that are not held out.
    var known = 0
    /// Of the known numbers.
    var mean = 0.0
    /// Where the first text stands, and what it is.
    var firstText: (line: Int, text: String)?
    /// Of the second pass: how often each text occurs.
    var counts: [String: Int] = [:]
    /// Texts of rows held out, no more than the most categories.
    var heldOutTexts: Set<String> = []

    mutating func add(_ number: Double, isHeldOut: Bool) {
      numbers += 1
      if isHeldOut { return }
      known += 1
      mean += number / Double(known) - mean / Double(known)  // each by itself: a difference may overflow
    }

    mutating func count(_ text: String, isHeldOut: Bool) {
      if !isHeldOut {
        counts[text, default: 0] += 1
      } else if heldOutTexts.count < mostCategories {
        heldOutTexts.insert(text)
      }
    }
  }

  /// The first `limit` rows; nil: all. Throws `InputError`. - Parameter heldOut: rows from which no category and no mean is taken.
  init(_ path: String, _ rules: TableRules, limit: Int?, heldOut: Set<Int>) throws {
    file = try StreamedFile(path, isText: true)
    (self.rules, self.heldOut) = (rules, heldOut)
    var records = CSVRecords(try file.stream())
    header = try CSVHeader(&records)
    (roles, target, names) = try header.roles(rules)
    columns = [ColumnFacts](repeating: ColumnFacts(), count: names.count)
    try readKinds(&records, limit)
    try Limits.checkSamples(rows.count, of: path)
    for (name, facts) in zip(names, columns) where facts.known == 0 {
      let place = facts.numbers + facts.texts == 0 ? "in any row" : "in any row that is not held out"
      throw InputError("\(path): the column \"\(name)\" has no value \(place): leave it out with --ignore")
    }
    if columns.contains(where: { $0.texts > 0 }) || targetFacts.texts > 0 { try readTexts() }
  }

  // MARK: First pass

  /// A row's values of one kind until it is known whether the row stays.
  private struct Row {
    var numbers: [(column: Int, value: Double)] = []
    var texts: [(column: Int, text: String?)] = []
    var missing: [Int] = []
    var label: Label?
    var targetText: String?

    mutating func clear() {
      numbers.removeAll(keepingCapacity: true)
      texts.removeAll(keepingCapacity: true)
      missing.removeAll(keepingCapacity: true)
      (label, targetText) = (nil, nil)
    }
  }

  private mutating func readKinds(_ records: inout CSVRecords, _ limit: Int?) throws {
    var row = Row()
    while rows.count < limit ?? .max {
      row.clear()
      guard
        try records.next({ index, field in
          switch roles[index] {
          case .passedOver: break
          case .target where field.isMissing: break
          case .target:
            row.label = .number(field.number ?? 0)
            if field.number == nil { row.targetText = field.shown }
          case .feature(let column):
            if field.isMissing {
              row.missing.append(column)
            } else if let number = field.number {
              row.numbers.append((column, number))
            } else {
              row.texts.append((column, columns[column].firstText == nil ? field.shown : nil))
            }
          }
        }) != nil
      else { return }
      try add(row, records)
    }
  }

  private mutating func add(_ row: Row, _ records: CSVRecords) throws {
    guard let label = row.label else {
      rows.withoutTarget += 1
      return
    }
    if let first = row.missing.first {
      if rules.missing == .refuse { throw CSVRows.missing(names[first], records) }
      if rules.missing == .drop {
        rows.incomplete += 1
        return
      }
    }
    let isHeldOut = heldOut.contains(rows.count)
    for (column, value) in row.numbers { columns[column].add(value, isHeldOut: isHeldOut) }
    for (column, text) in row.texts {
      columns[column].texts += 1
      if !isHeldOut { columns[column].known += 1 }
      if columns[column].firstText == nil { columns[column].firstText = (records.line, text ?? "") }
    }
    for column in row.missing { columns[column].missing += 1 }
    if let text = row.targetText {
      targetFacts.texts += 1
      if targetFacts.firstText == nil { targetFacts.firstText = (records.line, text) }
    } else {
      targetFacts.numbers += 1
    }
    try rows.append(records, label, file)
  }

  // MARK: Second pass

  private mutating func readTexts() throws {
    var records = CSVRecords(try file.stream())
    for index in 0..<rows.count {
      let isHeldOut = heldOut.contains(index)
      try records.jump(to: rows.places[index].offset, line: rows.places[index].line)
      _ = try records.next { place, field in
        guard place < roles.count else { throw CSVRows.changed(file.path) }
        switch roles[place] {
        case .feature(let column) where columns[column].texts > 0 && !field.isMissing:
          columns[column].count(try Self.name(field, names[column], file.path), isHeldOut: isHeldOut)
          guard columns[column].counts.count <= Self.mostCategories else {
            throw tooMany(names[column], columns[column])
          }
        case .target where targetFacts.texts > 0: rows.labels[index] = .text(try Self.name(field, target, file.path))
        default: break
        }
      }
    }
  }

  private func tooMany(_ name: String, _ facts: ColumnFacts) -> InputError {
    let text = facts.firstText.map { "\($0.text) in line \($0.line) is no number" } ?? ""
    return InputError(
      "\(file.path): the column \"\(name)\" has more than \(Self.mostCategories) different texts (\(text)): too many categories,"
        + " leave it out with --ignore")
  }

  /// A field as the name of a category or class. Throws `InputError`.
  static func name(_ field: CSVRecords.Field, _ column: String, _ path: String) throws -> String {
    guard field.text.count <= longestName else {
      throw CSVRecords.bad(
        path, field.line,
        "the column \"\(column)\" has a text of \(field.text.count) bytes, and a category has at most"
          + " \(longestName): leave it out with --ignore")
    }
    guard let name = field.string else {
      throw CSVRecords.bad(
        path, field.line, "the column \"\(column)\" has text that is not UTF-8: save it as UTF-8")
    }
    return name
  }

  // MARK: Findings

  /// Throws `InputError` where there are too many features.
  func coding() throws -> TableCoding {
    let coding = TableCoding(
      target: target,
      columns: zip(names, columns).map { name, facts in
        let fills = rules.missing == .mean
        guard facts.texts > 0 else { return TableCoding.Column(name: name, means: fills ? [facts.mean] : nil) }
        let categories = facts.counts.keys.sorted { $0.unicodeScalars.lexicographicallyPrecedes($1.unicodeScalars) }
        let means = categories.map { Double(facts.counts[$0] ?? 0) / Double(facts.known) }
        return TableCoding.Column(name: name, categories: categories, means: fills ? means : nil)
      })
    try Limits.checkFeatures(coding.featureCount, of: file.path)
    return coding
  }

  /// What was taken for what.
  func notes(_ coding: TableCoding) -> [String] {
    let path = file.path
    let texts = coding.columns.filter { $0.categories != nil }
    let numbers = coding.columns.count - texts.count
    let listed =
      texts.prefix(10).map { "\($0.name) \($0.width)" }.joined(separator: ", ") + (texts.count > 10 ? ", …" : "")
    var notes = [
      "\(path): \"\(target)\" from \(numbers) columns of numbers"
        + (texts.isEmpty ? "" : " and \(texts.count) of categories (\(listed)), \(coding.featureCount) features")
    ]
    if header.hasUnnamed { notes.append("\(path): what has no name in the header (row numbers?) is ignored") }
    for (name, facts) in zip(names + [target], columns + [targetFacts]) where facts.numbers > 0 {
      guard let first = facts.firstText else { continue }
      notes.append(
        "\(path): the column \"\(name)\" is taken as text, though \(facts.numbers) of its values are numbers: \(first.text) in"
          + " line \(first.line) is none")
    }
    for (name, facts) in zip(names, columns) {
      let unseen = facts.heldOutTexts.filter { facts.counts[$0] == nil }
      guard let first = unseen.min() else { continue }
      notes.append(
        "\(path): the column \"\(name)\" has in rows held out \(unseen.count) \(unseen.count == 1 ? "category" : "categories")"
          + " that training has not (\"\(printable(first))\"): its entries are 0")
    }
    let filled = zip(names, columns).filter { $0.1.missing > 0 }
    if !filled.isEmpty {
      notes.append(
        "\(path): missing values take the mean of the training rows: "
          + filled.prefix(10).map { "\($0.1.missing) in \"\($0.0)\"" }.joined(separator: ", ")
          + (filled.count > 10 ? ", …" : ""))
    }
    return notes + rows.notes(path)
  }
}
