import Files

/// What a run writes down before it begins, config.json: its command's options, and the machine.
public struct RunHeader<Options: Sendable & Equatable>: Sendable, Equatable {
  public var options: Options
  /// Of the program that wrote it.
  public var version: String
  public var ranks: Int
  /// Per rank.
  public var threads: Int
  /// One name a node.
  public var hosts: [String]
  /// OpenBLAS's name for the kernels it runs.
  public var blasKernels: String
  /// ISO 8601, UTC.
  public var startedAt: String

  public init(
    options: Options, ranks: Int, threads: Int, hosts: [String], blasKernels: String,
    startedAt: String = Timestamp.iso8601()
  ) {
    self.options = options
    self.version = Runtime.version
    self.ranks = ranks
    self.threads = threads
    self.hosts = hosts
    self.blasKernels = blasKernels
    self.startedAt = startedAt
  }
}

// MARK: - config.json

extension RunHeader {
  public func json(_ table: OptionTable<Options>) -> JSON {
    .object([
      RunFormat.member,
      JSON.Member("options", table.json(options)),
      JSON.Member("version", .string(version)),
      JSON.Member("ranks", JSON(ranks)),
      JSON.Member("threads", JSON(threads)),
      JSON.Member("hosts", .array(hosts.map { .string($0) })),
      JSON.Member("blasKernels", .string(blasKernels)),
      JSON.Member("startedAt", .string(startedAt)),
    ])
  }

  /// Throws `InputError`, which begins with `source`.
  public init(
    json: JSON, source: String, _ table: OptionTable<Options>, defaults: Options
  ) throws(InputError) {
    func member<Value>(_ key: String, _ read: (JSON) -> Value?) throws(InputError) -> Value {
      guard let value = json[key].flatMap(read) else {
        throw InputError("\(source): \"\(key)\" is missing or has the wrong type")
      }
      return value
    }
    func text(_ json: JSON) -> String? {
      if case .string(let text) = json { text } else { nil }
    }
    func count(_ json: JSON) -> Int? {
      if case .number(let literal) = json { Int(literal) } else { nil }
    }
    func texts(_ json: JSON) -> [String]? {
      guard case .array(let values) = json else { return nil }
      let texts = values.compactMap(text)
      return texts.count == values.count ? texts : nil
    }
    try RunFormat.check(json, source: source)
    options = defaults
    try table.apply(try member("options") { $0 }, from: source, to: &options)
    version = try member("version", text)
    ranks = try member("ranks", count)
    threads = try member("threads", count)
    hosts = try member("hosts", texts)
    blasKernels = try member("blasKernels", text)
    startedAt = try member("startedAt", text)
  }

  /// What is not as it was in a run that is gone on with, for people, in brackets; empty where all is.
  public func differences(ranks: Int, _ host: Host) -> String {
    var differences: [String] = []
    if self.ranks != ranks { differences.append("on \(ranks) ranks, begun on \(self.ranks)") }
    if threads != host.threads { differences.append("with \(host.threads) threads, begun with \(threads)") }
    if blasKernels != host.coreName {
      differences.append("on a processor for \(host.coreName), begun on one for \(blasKernels)")
    }
    if version != Runtime.version { differences.append("by version \(Runtime.version), begun by \(version)") }
    return differences.isEmpty ? "" : " (\(differences.joined(separator: "; ")): figures agree to rounding)"
  }
}
