import Datasets
import DeepRFM
import Files
import Foundation
import Testing

@Suite struct DataCSVTests {
  private func folder(_ train: String, test: String? = nil) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try folder.write("train.csv", Array(train.utf8))
    if let test { try folder.write("test.csv", Array(test.utf8)) }
    return folder
  }

  private func open(
    _ folder: TemporaryFolder, _ rules: TableRules = TableRules(), samples: Int? = nil
  ) throws -> Dataset {
    try withExtendedLifetime(folder) {
      try Dataset.open(
        .csv, directory: folder.path, seed: 0, trainSamples: samples, variant: DatasetVariant(table: rules))
    }
  }

  private func open(_ train: String, test: String? = nil, _ rules: TableRules = TableRules(), samples: Int? = nil)
    throws
    -> Dataset
  { try open(folder(train, test: test), rules, samples: samples) }

  /// The one sentence with which a file is refused.
  private func refusal(
    _ train: String, test: String? = nil, _ rules: TableRules = TableRules(), _ parts: String...,
    at location: SourceLocation = #_sourceLocation
  ) {
    let text = complaint {
      let data = try open(train, test: test, rules)
      for reader in [data.train, data.test].compactMap({ $0 }) { _ = try allRows(reader) }
    }
    for part in parts { expectComplaint(text, part, at: location) }
  }

  private static let table = """
    age,city,"size, cm",kind
    1,Rome,0.5,yes
    -2e1,"Paris, TX",2,no
    .5,Rome,3,yes

    """
  private static let tableRows: [[Double]] = [[1, 0, 1, 0.5], [-20, 1, 0, 2], [0.5, 0, 1, 3]]

  @Test(arguments: [false, true]) func values(packed: Bool) throws {
    let folder = try TemporaryFolder()
    let contents = Array(Self.table.utf8)
    try folder.write(packed ? "train.csv.gz" : "train.csv", packed ? gzip(contents) : contents)
    let data = try open(folder)
    #expect((data.train.sampleCount, data.train.featureCount) == (3, 4))
    #expect(try allRows(data.train) == Self.tableRows)
    #expect(try rows(data.train, [2, 0, 0]) == [Self.tableRows[2], Self.tableRows[0], Self.tableRows[0]])
    #expect(try data.train.labels(first: 3) == ["yes", "no", "yes"])
    #expect(data.train.coding?.featureNames == ["age", "city=Paris, TX", "city=Rome", "size, cm"])
    #expect(data.train.featureName(2) == "column \"city\" (\"Rome\")")
    #expect(data.notes.contains { $0.contains("\"kind\" from 2 columns of numbers and 1 of categories (city 2)") })
  }

  /// How the same table may be written.
  @Test(arguments: [
    "\u{feff}" + table, table.replacingOccurrences(of: "\n", with: "\r\n"),
    table.replacingOccurrences(of: "\n", with: "\r"), table + "\n\r\n  \n\n",
    table.replacingOccurrences(of: "Rome", with: " \"Rome\"\t"),
    table.replacingOccurrences(of: "0.5,", with: "\" 0.5\" ,  "),
    table.replacingOccurrences(of: "yes", with: " yes "), String(table.dropLast()),
    table.replacingOccurrences(of: "Rome,3", with: "\"Rome\",\"3\""),
    table.replacingOccurrences(of: "\n.5", with: "\n\n+0.50E0"),
    "\u{feff}" + table.replacingOccurrences(of: "age", with: "\"age\""),
  ]) func writings(text: String) throws {
    let data = try open(text)
    #expect(data.train.coding?.columns.map(\.name) == ["age", "city", "size, cm"])
    #expect(try allRows(data.train) == Self.tableRows)
    #expect(try data.train.labels(first: 3) == ["yes", "no", "yes"])
  }

  @Test func quotes() throws {
    let text = "a,\"b \"\"c\"\"\",y\n\"x\"\"y\",1,0\n\"two\nlines\",2,1\n5\" pipe,3,0\n\" x\",4,1\n"
    let data = try open(text)
    let coding = try #require(data.train.coding)
    #expect(coding.columns.map(\.name) == ["a", "b \"c\""])
    #expect(coding.columns[0].categories == [" x", "5\" pipe", "two\nlines", "x\"y"])
    #expect(try allRows(data.train) == [[0, 0, 0, 1, 1], [0, 0, 1, 0, 2], [0, 1, 0, 0, 3], [1, 0, 0, 0, 4]])
    refusal("a,y\n\"x,1\n2,3\n", TableRules(), "train.csv, line 2", "never closed")
    refusal("a,y\n\"x\"z,1\n2,3\n", TableRules(), "line 2", "behind a closing quote")
    // A line is counted where it begins, also behind one that is quoted.
    refusal("a,y\n\"two\nlines\",1\n1\n", TableRules(), "line 4", "1 fields")
  }

  @Test func targets() throws {
    let text = "y,a,b\n0,1,5\n1,2,6\n"
    #expect(try open(text, TableRules(target: "y")).train.labels(first: 2) == [0, 1])
    #expect(try allRows(open(text, TableRules(target: "a", ignored: ["y"])).train) == [[5], [6]])
    #expect(try open(text, TableRules(ignored: ["b"])).train.labels(first: 2) == [1, 2])
    // Some numbers among texts are texts.
    let mixed = try open("a,y\n1,07\n2,x\n3,7\n")
    #expect(try mixed.train.labels(first: 3) == ["07", "x", "7"])
    #expect(mixed.notes.contains { $0.contains("\"y\" is taken as text") && $0.contains("\"x\" in line 3") })
    refusal(text, TableRules(target: "c"), "--target c", "\"y\", \"a\", \"b\"")
    refusal(text, TableRules(ignored: ["c"]), "--ignore c", "\"y\"")
    refusal(text, TableRules(target: "a", ignored: ["a"]), "--ignore a", "--target")
    refusal("y\n1\n2\n", TableRules(), "\"y\" alone")
    refusal(text, TableRules(target: "y", ignored: ["a", "b"]), "\"y\" alone")
  }

  @Test func badFiles() {
    refusal("", TableRules(), "train.csv", "no samples")
    refusal("a,b\n", TableRules(), "no samples")
    refusal("a,a,b\n1,2,3\n", TableRules(), "two columns named \"a\"")
    refusal("a,b\n1,2\n1\n", TableRules(), "line 3", "1 fields", "the header 2")
    refusal("a,b\n1,2\n\n1,2,3\n", TableRules(), "line 4", "more fields")
    refusal("a;b\n1;2\n", TableRules(), "\";\"", "commas")
    refusal("a\tb\n1\t2\n", TableRules(), "a tab", "commas")
    refusal("a,b\n1\u{0},2\n", TableRules(), "line 2", "zero byte")
    refusal("a,b\n" + String(repeating: "7", count: 70_000) + ",2\n", TableRules(), "line 2", "65536 bytes")
    refusal("a,b\n\"" + String(repeating: "7,2\n", count: 20_000), TableRules(), "line 2", "never closed")
    refusal("a,b\n" + String(repeating: "x", count: 300) + ",2\n", TableRules(), "line 2", "\"a\"", "300 bytes")
    refusal(String(repeating: ",", count: 1 << 20) + "\n", TableRules(), "line 1", "1048576")
  }

  @Test func latin1() throws {
    let folder = try TemporaryFolder()
    try folder.write("train.csv", Array("a,y\n".utf8) + [0x63, 0xe9] + Array(",1\n2,0\n".utf8))
    expectComplaint(complaint { _ = try open(folder) }, "line 2", "\"a\"", "UTF-8")
    try folder.write("train.csv", [0xff, 0xfe] + Array("a\u{0},\u{0}y\u{0}".utf8))
    expectComplaint(complaint { _ = try open(folder) }, "zero byte")
    try folder.write("train.csv", [0xe9] + Array(",y\n1,2\n".utf8))
    expectComplaint(complaint { _ = try open(folder) }, "header", "UTF-8")
  }

  @Test func unnamedColumns() throws {
    let data = try open("\"\",a,y\n\"1\",5,0\n\"2\",6,1\n")
    #expect(try allRows(data.train) == [[5], [6]])
    #expect(data.notes.contains { $0.contains("no name in the header") })
  }

  // MARK: Missing values

  private static let holes = "a,c,y\n1,u,0\nNA,v,1\n4,,0\n\"\",u,1\n7,u,\nNaN,null,NA\n"

  @Test func missingRefused() {
    refusal(Self.holes, TableRules(), "line 3", "\"a\"", "--missing mean or drop")
    refusal("a,c,y\n1,u,0\n2,N/A,1\n", TableRules(), "line 3", "\"c\"")
  }

  /// Each feature's mean over the training rows that have a target; of categories, their shares.
  @Test func missingMean() throws {
    let data = try open(Self.holes, test: "c,y,a\n,0,nan\nv,,3\n", TableRules(missing: .mean))
    #expect(try data.train.labels(first: 4) == [0, 1, 0, 1])
    let third = 2.0 / 3
    #expect(try allRows(data.train) == [[1, 1, 0], [2.5, 0, 1], [4, third, 1.0 / 3], [2.5, 1, 0]])
    #expect(data.notes.contains { $0.contains("2 rows without a target are dropped") })
    #expect(data.notes.contains { $0.contains("2 in \"a\", 1 in \"c\"") })
    let test = try #require(data.test)
    #expect(try allRows(test) == [[2.5, third, 1.0 / 3]])
    #expect(data.notes.contains { $0.contains("test.csv: 1 row without a target is dropped") })
    refusal("a,b,y\n1,,0\n2,,1\n", TableRules(missing: .mean), "\"b\"", "no value in any row")
  }

  @Test func missingDrop() throws {
    let data = try open(Self.holes, test: "a,c,y\n1,,0\n2,u,1\n", TableRules(missing: .drop))
    // One category: v stands in no row that stays.
    #expect(try allRows(data.train) == [[1, 1]])
    #expect(data.notes.contains { $0.contains("train.csv: 2 rows without a target are dropped") })
    #expect(data.notes.contains { $0.contains("train.csv: 3 rows with missing values are dropped") })
    #expect(data.notes.contains { $0.contains("test.csv: 1 row with missing values is dropped") })
    #expect(try data.test.map { try ($0.labels(first: 1), allRows($0)) }.map { $0 == [1] && $1 == [[2, 1]] } == true)
    refusal("a,y\n,1\n,2\n", TableRules(missing: .drop), "no samples")
  }

  /// Quoted, it is a text: R writes the country code NA so, and what is missing without quotes.
  @Test func quotedNA() throws {
    let data = try open("c,y\n\"NA\",0\n\"DE\",1\n")
    #expect(data.train.coding?.columns[0].categories == ["DE", "NA"])
  }

  // MARK: Categories

  @Test func manyCategories() throws {
    let column = { (count: Int) in "a,y\n" + (0..<count).map { "t\($0),\($0 % 2)\n" }.joined() }
    #expect(try open(column(256)).train.featureCount == 256)
    refusal(column(257), TableRules(), "\"a\"", "more than 256", "--ignore")
    // One word makes text of a column of numbers: said, or refused with the word.
    let ages = { (count: Int) in "a,y\n" + (0..<count).map { "\($0),\($0 % 2)\n" }.joined() + "?,1\n" }
    let data = try open(ages(30))
    #expect(data.train.featureCount == 31)
    #expect(data.notes.contains { $0.contains("30 of its values are numbers") && $0.contains("\"?\" in line 32") })
    refusal(ages(300), TableRules(), "\"a\"", "\"?\" in line 302 is no number")
  }

  private static let train = "n,c,y\n1,u,0\n2,v,1\n3,w,0\n"

  @Test func testByNames() throws {
    let data = try open(Self.train, test: "id,y,c,n\nA,1,w,9\nB,0,\"v\",8\n")
    let test = try #require(data.test)
    #expect(try allRows(test) == [[9, 0, 0, 1], [8, 0, 1, 0]])
    #expect(try test.labels(first: 2) == [1, 0])
    #expect(data.notes.contains { $0.contains("test.csv") && $0.contains("\"id\"") && $0.contains("ignored") })
    refusal(Self.train, test: "n,y\n1,1\n", TableRules(), "test.csv", "no column \"c\"", "\"n\", \"y\"")
    refusal(Self.train, test: "n,c,y\n1,u,1\nx,u,1\n", TableRules(), "test.csv, line 3", "\"n\" has \"x\"", "numbers")
  }

  @Test func unseenCategory() throws {
    let data = try open(Self.train, test: "n,c,y\n1,zz,0\n2,v,1\n3,W,0\n")
    #expect(try data.test.map(allRows) == [[1, 0, 0, 0], [2, 0, 1, 0], [3, 0, 0, 0]])
    #expect(data.notes.contains { $0.contains("\"c\" has in 2 rows a category") && $0.contains("\"zz\" in line 2") })
    // What stands only in rows that are not used is not seen.
    let part = try open(Self.train, samples: 2)
    #expect(part.train.sampleCount == 2 && part.train.coding?.columns[1].categories == ["u", "v"])
    #expect(complaint { _ = try open(Self.train, samples: 4) }.contains("more than the 3 samples"))
  }

  @Test func testWithoutTarget() throws {
    let data = try open(Self.train, test: "n,c\n1,u\n")
    #expect(data.test == nil)
    #expect(data.notes.contains { $0.contains("\"y\"") && $0.contains("no test part") })
  }

  @Test func otherNames() throws {
    let folder = try TemporaryFolder()
    let file = try folder.write("houses.csv", Array(Self.train.utf8))
    #expect(try open(folder).train.sampleCount == 3)
    #expect(try Dataset.open(.csv, directory: file, seed: 0).train.sampleCount == 3)
    try folder.write("test.csv", Array(Self.train.utf8))
    #expect(try open(folder).test?.sampleCount == 3)
    try folder.write("more.csv.gz", gzip(Array(Self.train.utf8)))
    expectComplaint(complaint { _ = try open(folder) }, "houses.csv", "more.csv.gz", "train.csv")
    try folder.write("train.csv", Array(Self.train.utf8))
    #expect(try open(folder).train.sampleCount == 3)
    expectComplaint(complaint { _ = try open(TemporaryFolder()) }, "train.csv")
  }

  // MARK: For a model

  private func model(_ rules: TableRules = TableRules()) throws -> Dataset.Trained {
    let coding = try #require(try open(Self.train, rules).train.coding)
    return Dataset.Trained(
      featureCount: coding.featureCount, trainSamples: 3, variant: DatasetVariant(table: rules), coding: coding)
  }

  @Test(arguments: MissingRule.allCases) func rowsToPredict(rule: MissingRule) throws {
    let folder = try TemporaryFolder()
    let model = try model(TableRules(missing: rule))
    let path = try folder.write("rows.csv", Array("c,n\nv,5\nx,6\n".utf8))
    let rows = try Dataset.openTable(path, model: model)
    #expect(!rows.hasLabels && rows.notes.contains { $0.contains("\"x\" in line 3") })
    #expect(try allRows(rows) == [[5, 0, 1, 0], [6, 0, 0, 0]])
    // A target that is there is not looked at.
    let other = try folder.write("target.csv", Array("y,c,n\n,v,5\n?,v,5\n".utf8))
    #expect(try Dataset.openTable(other, model: model).sampleCount == 2)
    let hole = try folder.write("hole.csv", Array("c,n\nv,5\nu,\n".utf8))
    if rule == .mean {
      #expect(try allRows(Dataset.openTable(hole, model: model)) == [[5, 0, 1, 0], [2, 1, 0, 0]])
    } else {
      expectComplaint(complaint { _ = try Dataset.openTable(hole, model: model) }, "hole.csv, line 3", "\"n\"")
    }
    let split = try folder.write("test.csv", Array("n,c,y\n1,w,0\n2,u,\n".utf8))
    let test = try Dataset.openSplit(.test, of: .csv, directory: folder.path, seed: 0, model: model)
    #expect(test.hasLabels && test.sampleCount == 1 && test.place == split)
    try folder.write("test.csv", Array("n,c\n1,w\n2,u\n".utf8))
    let unknown = try Dataset.openSplit(.test, of: .csv, directory: folder.path, seed: 0, model: model)
    #expect(!unknown.hasLabels && unknown.sampleCount == 2)
    let plain = Dataset.Trained(featureCount: 4, trainSamples: 3)
    expectComplaint(complaint { _ = try Dataset.openTable(path, model: plain) }, "not trained on a table")
  }

  /// Neither categories nor means are taken from rows held out; what kind a column is, is.
  @Test func rowsHeldOut() throws {
    let folder = try folder("n,c,y\n1,u,0\n100,w,1\n,v,2\n3,,3\n,u,4\n", test: "n,c,y\n,v,0\n2,w,0\n")
    let split = ValidationSplit(validation: [1], of: 5)
    let rules = TableRules(missing: .mean)
    let data = try Dataset.open(
      .csv, directory: folder.path, seed: 0, variant: DatasetVariant(table: rules), holdingOut: split)
    let (share, rest) = (2.0 / 3, 1.0 / 3)
    #expect(
      data.train.coding?.columns == [
        TableCoding.Column(name: "n", means: [2]), .init(name: "c", categories: ["u", "v"], means: [share, rest]),
      ])
    #expect(try allRows(data.train) == [[1, 1, 0], [2, 0, 1], [3, share, rest], [2, 1, 0]])
    #expect(try data.validation.map(allRows) == [[100, 0, 0]])
    #expect(try data.test.map(allRows) == [[2, 0, 1], [2, 0, 0]])
    #expect(data.notes.contains { $0.contains("\"c\" has in rows held out 1 category") && $0.contains("\"w\"") })
  }

  @Test func columnKnownInRowsHeldOutOnly() throws {
    let folder = try folder("n,c,y\n1,,0\n2,w,1\n")
    let split = ValidationSplit(validation: [1], of: 2)
    expectComplaint(
      complaint {
        _ = try Dataset.open(
          .csv, directory: folder.path, seed: 0, variant: DatasetVariant(table: TableRules(missing: .mean)),
          holdingOut: split)
      }, "\"c\"", "no value in any row that is not held out")
  }

  @Test(arguments: [MissingRule.refuse, .mean]) func codingInAFile(rule: MissingRule) throws {
    let coding = try #require(try open(Self.table, TableRules(missing: rule)).train.coding)
    let json = JSON.object(coding.members)
    #expect(try TableCoding(json: JSON(parsing: json.line.utf8), source: "run.json") == coding)
    #expect(json["columns"] == .array([.string("age"), .string("city"), .string("size, cm")]))
    #expect(json["categories"]?["city"] == .array([.string("Paris, TX"), .string("Rome")]))
    for (key, value) in [
      ("columns", #"["a", "a"]"#), ("columns", "[]"), ("target", "1"), ("categories", #"{"city": ["a", "a"]}"#),
      ("categories", #"{"city": []}"#), ("means", #"{"city": [1]}"#), ("means", #"{"age": [1, 2]}"#),
    ] {
      var bad = json
      bad.set(try JSON(parsing: value.utf8), at: [key])
      expectComplaint(complaint { _ = try TableCoding(json: bad, source: "run.json") }, "run.json", key)
    }
  }

  @Test func mutations() throws {
    let folder = try folder(Self.table, test: Self.table)
    for pack in [gzip, { $0 }] {
      try mutate(pack(Array(Self.table.utf8)), times: 1000, seed: 3) { mutant in
        try folder.write("train.csv", mutant)
        try readAll(.csv, folder.path)
      }
    }
  }
}
