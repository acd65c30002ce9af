import Files

/// The first record of a CSV file, and what each of its columns is for.
struct CSVHeader {
  enum Role: Equatable {
    case passedOver, target
    /// A column of the coding, or of what will be one.
    case feature(Int)
  }

  let names: [String]
  private let path: String

  /// Bytes of all names.
  private static let longest = 1 << 24
  /// Names in a message.
  private static let shown = 20

  /// Reads it; the records then know how many fields they have. Throws `InputError`.
  init(_ records: inout CSVRecords) throws {
    var names: [String] = []
    let path = records.stream.path
    var bytes = 0
    let count = try records.next { _, field in
      bytes += field.text.count + 1
      guard names.count < Limits.features, bytes <= Self.longest else {
        throw CSVRecords.bad(
          path, field.line, "its header is longer than \(Limits.features) names or \(Self.longest) bytes")
      }
      guard let name = field.string else { throw InputError("\(path): its header is not UTF-8: save it as UTF-8") }
      names.append(name)
    }
    guard let count else { throw InputError("\(path) holds no samples, not even a header") }
    records.fieldCount = count
    (self.names, self.path) = (names, path)
    var seen: Set<String> = []
    for name in names where !name.isEmpty {
      guard seen.insert(name).inserted else { throw InputError("\(path) has two columns named \"\(name)\"") }
    }
    if count == 1, let mark = [";", "\t", "|"].first(where: { names[0].contains($0) }) {
      let name = mark == "\t" ? "a tab" : "\"\(mark)\""
      throw InputError("\(path) has a single column whose name has \(name) in it: fields are parted by commas here")
    }
  }

  /// Of a training file. Throws `InputError` where a column is not there, or none is left.
  func roles(_ rules: TableRules) throws -> (roles: [Role], target: String, features: [String]) {
    for name in rules.ignored where !names.contains(name) { throw lacks(name, "--ignore") }
    if let target = rules.target {
      guard names.contains(target) else { throw lacks(target, "--target") }
      guard !rules.ignored.contains(target) else { throw InputError("--ignore \(target): it is the --target") }
    }
    let ignored = Set(rules.ignored)
    guard let target = rules.target ?? names.last(where: { !$0.isEmpty && !ignored.contains($0) }) else {
      throw InputError("\(path) has no column to be predicted: \(listed(names))")
    }
    var features: [String] = []
    let roles = names.map { name -> Role in
      if name == target { return .target }
      if name.isEmpty || ignored.contains(name) { return .passedOver }
      features.append(name)
      return .feature(features.count - 1)
    }
    guard !features.isEmpty else {
      throw InputError(
        "\(path) has the column \"\(target)\" alone, which is to be predicted, and none to predict it from")
    }
    return (roles, target, features)
  }

  /// Of another file with the columns of `coding`, in any order. Throws `InputError` where one is not there.
  func roles(_ coding: TableCoding, _ rules: TableRules) throws -> (roles: [Role], extra: [String]) {
    let places = Dictionary(coding.columns.enumerated().map { ($0.element.name, $0.offset) }) { first, _ in first }
    let there = Set(names)
    if let absent = coding.columns.first(where: { !there.contains($0.name) }) {
      throw InputError("\(path) has no column \"\(absent.name)\", which training has: \(listed(names))")
    }
    var extra: [String] = []
    let roles = names.map { name -> Role in
      if let place = places[name] { return .feature(place) }
      if name == coding.target { return .target }
      if !name.isEmpty, !rules.ignored.contains(name) { extra.append(name) }
      return .passedOver
    }
    return (roles, extra)
  }

  /// Whether a column has no name, as row numbers have none in R's and pandas' files.
  var hasUnnamed: Bool { names.contains("") }

  private func lacks(_ name: String, _ option: String) -> InputError {
    InputError("\(option) \(name): \(path) has no such column: \(listed(names))")
  }

  private func listed(_ names: [String]) -> String { Self.listed(names) }

  static func listed(_ names: [String]) -> String {
    "it has " + names.prefix(shown).map { "\"\($0)\"" }.joined(separator: ", ")
      + (names.count > shown ? " and \(names.count - shown) more" : "")
  }
}
