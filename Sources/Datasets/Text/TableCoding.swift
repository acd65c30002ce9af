import Files

/// What a table's columns are made features by.
public struct TableRules: Sendable, Equatable {
  /// The column to be predicted; nil: the last.
  var target: String?
  /// Columns that are passed over.
  var ignored: [String]
  var missing: MissingRule

  public init(target: String? = nil, ignored: [String] = [], missing: MissingRule = .refuse) {
    (self.target, self.ignored, self.missing) = (target, ignored, missing)
  }

  /// Names with commas between them, as --ignore has them.
  public static func names(in text: String?) -> [String] {
    (text ?? "").split(separator: ",").map { $0.drop { $0 == " " } }.map(String.init)
  }

  /// Throws `InputError` where an option of tables is given for another data set.
  public static func check(
    _ dataset: DatasetName, target: String?, ignore: String?, missing: MissingRule
  ) throws(InputError) {
    guard dataset != .csv else { return }
    for (option, isGiven) in [
      ("target", target != nil), ("ignore", ignore != nil), ("missing", missing != .refuse),
    ] where isGiven { throw InputError("--\(option) goes with --dataset csv") }
  }
}

/// What becomes of a value that is not there.
public enum MissingRule: String, CaseIterable, Codable, Sendable {
  /// `mean`: the training rows' mean of each of the column's features. `drop`: the row goes.
  case refuse, mean, drop
}

/// A table's columns as features, in the training file's order: a number is one feature, a text one feature for each of the column's
/// categories, 1 for its own and 0 for the others.
public struct TableCoding: Sendable, Equatable {
  public struct Column: Sendable, Equatable {
    public let name: String
    /// The training rows' texts in their order; nil: numbers.
    public let categories: [String]?
    /// What a missing value's features are, with `MissingRule.mean`: the training rows' mean, or each category's share of them.
    let means: [Double]?

    public init(name: String, categories: [String]? = nil, means: [Double]? = nil) {
      (self.name, self.categories, self.means) = (name, categories, means)
    }

    /// Its features.
    var width: Int { categories?.count ?? 1 }
  }

  let target: String
  public let columns: [Column]
  /// Each column's first feature, and last the number of all.
  let starts: [Int]

  public init(target: String, columns: [Column]) {
    (self.target, self.columns) = (target, columns)
    starts = columns.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.width) }
  }

  public var featureCount: Int { starts[columns.count] }

  /// Whether it holds what rows said, categories or means, and not only which columns there are.
  public var isOfRows: Bool { columns.contains { $0.categories != nil || $0.means != nil } }

  /// "carat", and "cut=Ideal" for a category's.
  public var featureNames: [String] {
    columns.flatMap { column in column.categories?.map { "\(column.name)=\($0)" } ?? [column.name] }
  }

  /// A feature's column, and its category.
  func place(of feature: Int) -> (column: String, category: String?) {
    let index = (starts.firstIndex { $0 > feature } ?? 1) - 1
    let column = columns[index]
    return (column.name, column.categories?[feature - starts[index]])
  }
}

// MARK: - In a run's files

extension TableCoding {
  /// Members of run.json: `columns`, and by their names `categories` of text columns and `means` for what is missing.
  public var members: [JSON.Member] {
    func object(_ values: [(String, [JSON]?)]) -> JSON {
      .object(values.compactMap { name, values in values.map { JSON.Member(name, .array($0)) } })
    }
    var members = [
      JSON.Member("target", .string(target)), JSON.Member("columns", .array(columns.map { .string($0.name) })),
      JSON.Member("categories", object(columns.map { ($0.name, $0.categories?.map { .string($0) }) })),
    ]
    if columns.contains(where: { $0.means != nil }) {
      members.append(JSON.Member("means", object(columns.map { ($0.name, $0.means?.map { JSON($0) }) })))
    }
    return members
  }

  /// Throws `InputError` where the members do not fit each other; nil: there are none.
  public init?(json: JSON, source: String) throws(InputError) {
    guard let list = json["columns"] else { return nil }
    func texts(_ json: JSON?) -> [String]? {
      guard case .array(let values)? = json else { return nil }
      let texts = values.compactMap { if case .string(let text) = $0 { text } else { nil } }
      return texts.count == values.count ? texts : nil
    }
    func numbers(_ json: JSON?) -> [Double]? {
      guard case .array(let values)? = json else { return nil }
      let numbers = values.compactMap { if case .number(let text) = $0 { Double(text) } else { nil } }
      return numbers.count == values.count && numbers.allSatisfy(\.isFinite) ? numbers : nil
    }
    func members(_ key: String) -> [String: JSON] {
      guard case .object(let members)? = json[key] else { return [:] }
      return Dictionary(members.map { ($0.key, $0.value) }) { first, _ in first }
    }
    guard let names = texts(list), !names.isEmpty, Set(names).count == names.count,
      case .string(let target)? = json["target"]
    else { throw InputError("\(source): \"columns\" is no list of different names, or \"target\" no name") }
    let (categories, means) = (members("categories"), members("means"))
    var columns: [Column] = []
    for name in names {
      let column = Column(name: name, categories: texts(categories[name]), means: numbers(means[name]))
      guard categories[name] == nil || column.categories.map({ !$0.isEmpty && Set($0).count == $0.count }) == true,
        means[name] == nil || column.means?.count == column.width
      else { throw InputError("\(source): \"categories\" or \"means\" of the column \"\(name)\" are none") }
      columns.append(column)
    }
    self.init(target: target, columns: columns)
  }
}
