import Files
import Testing

@Suite struct JSONTests {
  private func parse(_ text: String) throws -> JSON { try JSON(parsing: text.utf8) }

  @Test(arguments: [
    "null", "true", "false", "0", "-1.5e-300", "1e+16", "\"\"", "[]", "{}",
    #"{"b": 1, "a": [true, null, {}]}"#,
    #""é\" \\ \n \u0001 😀""#,
  ])
  func linesComeBackAsTheyWere(text: String) throws {
    #expect(try parse(text).line == text)
    #expect(try parse(try parse(text).page) == parse(text))
  }

  @Test func escapesAreRead() throws {
    #expect(try parse(#""\u00e9\ud83d\ude00\/\b\f""#) == .string("é😀/\u{8}\u{C}"))
  }

  @Test(arguments: [
    "", " ", "nul", "01", "1.", ".5", "+1", "1e", "NaN", "\"", "\"\\x\"", "\"\\u12\"",
    "\"\\ud800\"",
    "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"\u{1}\"", "[1,]", "[1 2]", "[", "{", "{\"a\"}",
    "{\"a\":}", "{a:1}",
    "{\"a\":1,}", "{\"a\":1,\"a\":2}", "1 2", "{}x", "\"\\u+123\"",
  ])
  func damageIsASyntaxError(text: String) {
    #expect(throws: JSON.SyntaxError.self) { try parse(text) }
  }

  @Test func invalidUTF8IsRefused() {
    #expect(throws: JSON.SyntaxError.self) { try JSON(parsing: [0x22, 0xFF, 0x22] as [UInt8]) }
  }

  @Test func depthIsBounded() throws {
    _ = try parse(String(repeating: "[", count: 63) + String(repeating: "]", count: 63))
    #expect(throws: JSON.SyntaxError.self) { try parse(String(repeating: "[", count: 1_000_000)) }
  }

  @Test func doublesKeepEveryDigit() throws {
    for value in [
      0.1, 1 / 3.0, .leastNonzeroMagnitude, .greatestFiniteMagnitude, -0.0, 4.041e-7, 1e22,
    ] {
      guard case .number(let literal) = try parse(JSON(value).line) else {
        Issue.record("\(value) is no number")
        continue
      }
      #expect(Double(literal)?.bitPattern == value.bitPattern)
    }
    #expect(JSON(Double.nan) == .null && JSON(-Double.infinity) == .null)
  }
}
