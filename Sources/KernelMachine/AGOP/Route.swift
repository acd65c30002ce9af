/// How the average gradient outer product is computed. `class` and `gram` are exact, `sketch` is not.
public enum AGOPRoute: String, Sendable, Codable, CaseIterable {
  case auto, `class`, gram, sketch
}
