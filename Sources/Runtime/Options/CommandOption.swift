import Files

/// What an option's value may be: how it is read, written to config.json, and described when it is wrong.
public struct ValueKind<Value: Sendable>: Sendable {
  /// Stands for the value in the help: "N".
  let placeholder: String
  /// Ends the sentence "--layers must be …".
  let wanted: String
  /// nil refuses the text.
  let parse: @Sendable (String) -> Value?
  let json: @Sendable (Value) -> JSON

  /// - Parameter label: the option, for the error.
  func value(_ text: String, of label: String) throws(InputError) -> Value {
    guard let value = parse(text) else { throw InputError("\(label) must be \(wanted), not '\(text)'") }
    return value
  }
}

extension ValueKind where Value == Int {
  public static func integer(_ placeholder: String, in range: ClosedRange<Int>) -> Self {
    Self(
      placeholder: placeholder,
      wanted: "an integer from \(range.lowerBound) to \(range.upperBound)",
      parse: { text in Int(text).flatMap { range.contains($0) ? $0 : nil } },
      json: { JSON($0) })
  }

  /// What counts samples, ranks of matrices and iterations: BLAS and MPI take 32-bit numbers.
  public static func count(_ placeholder: String, from least: Int = 1) -> Self {
    .integer(placeholder, in: least...Int(Int32.max))
  }

  /// Bytes.
  public static var size: Self {
    Self(
      placeholder: "SIZE", wanted: "a size such as 20GiB or 500MB", parse: Quantity.bytes,
      json: { JSON($0) })
  }
}

extension ValueKind where Value == UInt64 {
  public static var seed: Self {
    Self(
      placeholder: "S", wanted: "an integer from 0 to \(UInt64.max)", parse: { UInt64($0) },
      json: { JSON($0) })
  }
}

extension ValueKind where Value == Double {
  /// A finite number that `accepts` takes.
  public static func real(
    _ placeholder: String, _ wanted: String, _ accepts: @escaping @Sendable (Double) -> Bool
  ) -> Self {
    Self(
      placeholder: placeholder, wanted: wanted,
      parse: { text in Double(text).flatMap { $0.isFinite && accepts($0) ? $0 : nil } },
      json: { JSON($0) })
  }

  public static func positive(_ placeholder: String) -> Self {
    .real(placeholder, "a number above 0") { $0 > 0 }
  }

  /// Seconds.
  public static var time: Self {
    Self(
      placeholder: "TIME", wanted: "a time such as 10m, 1h30m or 0:45:00", parse: Quantity.seconds,
      json: { JSON($0) })
  }
}

extension ValueKind where Value == Double? {
  /// A number above 0, or a word that stands for none.
  public static func positive(_ placeholder: String, orNil word: String) -> Self {
    let number = ValueKind<Double>.positive(placeholder)
    return Self(
      placeholder: "\(placeholder)|\(word)", wanted: "\(number.wanted), or \(word)",
      parse: { text in
        if text == word { return .some(nil) }
        return number.parse(text).map { .some($0) }
      },
      json: { $0.map(number.json) ?? .string(word) })
  }
}

extension ValueKind where Value == String {
  /// A path; not the empty one.
  public static func path(_ placeholder: String) -> Self {
    Self(
      placeholder: placeholder, wanted: "a path", parse: { $0.isEmpty ? nil : $0 },
      json: { .string($0) })
  }
}

extension ValueKind where Value == String {
  /// A name or a list of them; not the empty one.
  public static var name: Self {
    Self(placeholder: "NAME", wanted: "a name", parse: { $0.isEmpty ? nil : $0 }, json: { .string($0) })
  }
}

extension ValueKind where Value == [String] {
  /// Texts with commas between them; each is read by whoever takes it.
  public static func list(_ placeholder: String) -> Self {
    Self(
      placeholder: placeholder + ",...", wanted: "a list such as 1,2,4",
      parse: { $0.isEmpty ? [] : $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) },
      json: { .string($0.joined(separator: ",")) })
  }
}

extension ValueKind
where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
  public static var choice: Self {
    let names = Value.allCases.map(\.rawValue)
    return Self(
      placeholder: names.joined(separator: "|"),
      wanted: "one of " + names.joined(separator: ", "),
      parse: { Value(rawValue: $0) }, json: { .string($0.rawValue) })
  }
}

/// One option of a command: a row of its table, from which parsing, help, config.json and errors all come.
public struct CommandOption<Options>: Sendable {
  /// As typed, without the dashes: "test-samples".
  public let name: String
  /// nil: a flag, which takes no value.
  public let placeholder: String?
  public let help: String
  /// Sets the option from text. The second string names the option in the error.
  public let set: @Sendable (inout Options, String, String) throws(InputError) -> Void
  /// nil: not a property of the run, so not recorded.
  let json: (@Sendable (Options) -> JSON)?

  /// The name in config.json: "testSamples".
  public var key: String {
    let words = name.split(separator: "-")
    return words[0] + words[1...].map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
  }

  public init<Value>(
    _ name: String, _ property: WritableKeyPath<Options, Value> & Sendable,
    _ kind: ValueKind<Value>,
    _ help: String
  ) {
    self.init(
      name: name, placeholder: kind.placeholder, help: help,
      set: { (options, text, label) throws(InputError) in options[keyPath: property] = try kind.value(text, of: label)
      },
      json: { kind.json($0[keyPath: property]) })
  }

  /// An option that may be left open.
  public init<Value>(
    _ name: String, _ property: WritableKeyPath<Options, Value?> & Sendable,
    _ kind: ValueKind<Value>,
    _ help: String
  ) {
    self.init(
      name: name, placeholder: kind.placeholder, help: help,
      set: { (options, text, label) throws(InputError) in options[keyPath: property] = try kind.value(text, of: label)
      },
      json: { $0[keyPath: property].map(kind.json) ?? .null })
  }

  public init(flag name: String, _ property: WritableKeyPath<Options, Bool> & Sendable, _ help: String) {
    self.name = name
    self.placeholder = nil
    self.help = help
    set = { (options, text, label) throws(InputError) in
      guard let value = Bool(text) else {
        throw InputError("\(label) must be true or false, not '\(text)'")
      }
      options[keyPath: property] = value
    }
    json = { .bool($0[keyPath: property]) }
  }

  /// An option that acts on the parsing itself; setting it changes nothing.
  public init(directive name: String, _ placeholder: String, _ help: String) {
    self.name = name
    self.placeholder = placeholder
    self.help = help
    set = { (_, _, _) throws(InputError) in }
    json = nil
  }
}

extension CommandOption {
  /// The same option of something that holds these options.
  public func within<Outer>(_ place: WritableKeyPath<Outer, Options> & Sendable) -> CommandOption<Outer> {
    let (set, json) = (self.set, self.json)
    let setOuter: @Sendable (inout Outer, String, String) throws(InputError) -> Void = {
      (outer, text, label) throws(InputError) in
      try set(&outer[keyPath: place], text, label)
    }
    var jsonOfOuter: (@Sendable (Outer) -> JSON)?
    if let json { jsonOfOuter = { (outer: Outer) in json(outer[keyPath: place]) } }
    return CommandOption<Outer>(
      name: name, placeholder: placeholder, help: help, set: setOuter, json: jsonOfOuter)
  }

  private init(
    name: String, placeholder: String?, help: String,
    set: @escaping @Sendable (inout Options, String, String) throws(InputError) -> Void,
    json: (@Sendable (Options) -> JSON)?
  ) {
    self.name = name
    self.placeholder = placeholder
    self.help = help
    self.set = set
    self.json = json
  }
}
