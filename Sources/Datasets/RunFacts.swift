import Files
import Runtime

/// run.json: what was found of the data and chosen among the layers, for programs that read a run or predict with it.
public struct RunFacts: Sendable, Equatable {
  /// Whose predictor `predict` uses by itself; nil: none is chosen yet.
  public var selectedLayer: Int?
  /// The classes' names, in the order of the outputs.
  public var classNames: [String]
  /// csv: the columns that features are made of.
  public var coding: TableCoding?

  public init(selectedLayer: Int? = nil, classNames: [String], coding: TableCoding? = nil) {
    (self.selectedLayer, self.classNames, self.coding) = (selectedLayer, classNames, coding)
  }

  var json: JSON {
    .object(
      [
        RunFormat.member, JSON.Member("selectedLayer", selectedLayer.map { JSON($0) } ?? .null),
        JSON.Member("classNames", .array(classNames.map { .string($0) })),
      ] + (coding?.members ?? []))
  }

  /// Throws `InputError` where it is malformed.
  init(json: JSON, source: String) throws(InputError) {
    try RunFormat.check(json, source: source)
    guard let names = json["classNames"].flatMap({ Classes.names(in: $0.line) }) else {
      throw InputError("\(source): \"classNames\" is no list of names")
    }
    classNames = names
    coding = try TableCoding(json: json, source: source)
    switch json["selectedLayer"] {
    case nil, .null?: selectedLayer = nil
    case .number(let text)?:
      guard let layer = Int(text), layer > 0 else { fallthrough }
      selectedLayer = layer
    default: throw InputError("\(source): \"selectedLayer\" is no number of a layer")
    }
  }
}

extension RunFolder {
  public var facts: String { path + "/run.json" }

  /// *Local: rank 0 alone.* Throws `FileError`.
  public func write(_ facts: RunFacts) throws(FileError) { try OutputFile.replace(self.facts, with: facts.json.page) }

  /// *Local.* run.json. Throws `InputError` if it is malformed; nil: there is none, as in runs of earlier versions.
  public func readFacts() throws(InputError) -> RunFacts? {
    guard InputFile.exists(facts) else { return nil }
    let bytes = try InputFile.contents(own(facts), limit: 1 << 28)
    return try RunFacts(json: try Self.parse(bytes, facts), source: facts)
  }
}
