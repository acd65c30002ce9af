import Glibc
import Synchronization

/// What a run says while it works: a table with a row a layer and, on a terminal, a live line below it.
///
/// In a file or a pipe there are plain lines only, and a long phase says now and then how far it is. Any
/// thread may report.
public final class Progress: Sendable {
  public enum Style: Sendable {
    case silent, plain, live
  }

  private struct State {
    var place = ""
    var began = 0.0
    var drawn = 0.0
    var fraction = 0.0
    var lineShown = false
    var headerShown = false
    var active = false
  }

  private let style: Style
  private let write: @Sendable (String) -> Void
  private let clock: @Sendable () -> Double
  private let state = Mutex(State())

  /// Seconds between two drawings.
  private var interval: Double { style == .live ? 0.1 : 30 }

  public init(
    style: Style, write: @escaping @Sendable (String) -> Void = standardOutput,
    clock: @escaping @Sendable () -> Double = monotonicSeconds
  ) {
    self.style = style
    self.write = write
    self.clock = clock
  }

  /// For standard output as it is. `enabled`: this rank speaks for all; `quiet`: nobody does.
  public convenience init(enabled: Bool, quiet: Bool = false) {
    let style: Style = !enabled || quiet ? .silent : Terminal.isInteractive ? .live : .plain
    self.init(style: style)
  }

  /// A part of a layer's work begins.
  public func begin(layer: Int, of layers: Int, phase: String) {
    begin("layer \(layer)/\(layers)  \(phase)")
  }

  /// Any other work begins, such as reading the data.
  public func begin(_ place: String) {
    guard style != .silent else { return }
    let now = clock()
    state.withLock { state in
      state.place = place
      state.began = now
      state.fraction = 0
      state.active = true
      state.drawn = now
      if style == .live { draw(&state, now) }
    }
  }

  /// The running part is done to this `fraction`, 0 to 1. Cheap: it may be told as often as you like.
  public func advance(fraction: Double) {
    guard style != .silent else { return }
    let now = clock()
    state.withLock { state in
      guard state.active, fraction.isFinite else { return }
      // Threads may report out of order: what was shown is not taken back.
      state.fraction = min(1, max(state.fraction, fraction))
      if now - state.drawn >= interval { draw(&state, now) }
    }
  }

  /// The running part has ended.
  public func endPhase() {
    guard style != .silent else { return }
    state.withLock { state in
      state.active = false
      if state.lineShown { write(Self.eraseLine) }
      state.lineShown = false
    }
  }

  /// A layer has ended: its row of the table.
  public func row(_ metrics: LayerMetrics) {
    guard style != .silent else { return }
    state.withLock { state in
      let header = state.headerShown ? "" : MetricsTable.header + "\n"
      state.headerShown = true
      state.active = false
      print(header + MetricsTable.row(metrics), &state)
    }
  }

  /// A line of its own.
  public func message(_ text: String) {
    guard style != .silent else { return }
    state.withLock { state in print(text, &state) }
  }

  // MARK: Drawing

  /// Back to the line's start, and erase to its end (ECMA-48).
  private static let eraseLine = "\r\u{1B}[K"

  private func print(_ text: String, _ state: inout State) {
    write((state.lineShown ? Self.eraseLine : "") + text + "\n")
    state.lineShown = false
  }

  private func draw(_ state: inout State, _ now: Double) {
    var line = state.place
    if state.fraction > 0 { line += "  \(Int(state.fraction * 100))%" }
    let elapsed = now - state.began
    // The first moments say little about the rest.
    if elapsed >= 0.5, state.fraction > 0, state.fraction < 1 {
      line += "  \(Format.clock(elapsed * (1 - state.fraction) / state.fraction)) left"
    }
    switch style {
    case .live:
      write(Self.eraseLine + line)
      state.lineShown = true
    case .plain: write(line + "\n")
    case .silent: break
    }
    state.drawn = now
  }
}

/// The table of a run's layers. NC1 and NC2 are those of the layer's input.
enum MetricsTable {
  private static let columns: [(title: String, width: Int, cell: @Sendable (LayerMetrics) -> String)] = [
    ("layer", 6, { "\($0.layer)" }),
    ("width", 7, { "\($0.inputWidth)" }),
    ("NC1", 11, { Format.scientific($0.nc1.input, digits: 3) }),
    ("NC2", 11, { Format.scientific($0.nc2.input, digits: 3) }),
    ("train", 9, { Format.percent($0.accuracy.train) }),
    ("test", 9, { $0.accuracy.test.map(Format.percent) ?? "-" }),
    ("CG", 6, { "\($0.solver.iterations)" }),
    ("residual", 10, { Format.scientific($0.solver.residual, digits: 1) }),
    ("seconds", 9, { Format.fixed($0.seconds.total, digits: 2) }),
  ]

  static let header = columns.map { padded($0.title, $0.width) }.joined()

  static func row(_ metrics: LayerMetrics) -> String {
    columns.map { padded($0.cell(metrics), $0.width) }.joined()
  }

  private static func padded(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(1, width - text.count)) + text
  }
}

/// Numbers for people.
enum Format {
  /// 1.234e-05
  static func scientific(_ value: Double, digits: Int) -> String {
    formatted("%.\(digits)e", value)
  }

  /// 12.3
  static func fixed(_ value: Double, digits: Int) -> String { formatted("%.\(digits)f", value) }

  /// A fraction as 98.76%
  static func percent(_ fraction: Double) -> String { formatted("%.2f%%", fraction * 100) }

  /// 10 bytes, 100 KiB, 512 MiB, 1.50 GiB
  static func bytes(_ count: Int) -> String {
    if count > 0 && count < 1 << 20 { return count < 10 << 10 ? "\(count) bytes" : "\(count >> 10) KiB" }
    return count < 1 << 30 ? "\(count >> 20) MiB" : fixed(Double(count) / Double(1 << 30), digits: 2) + " GiB"
  }

  /// Seconds as 0:12 or 1:02:03
  static func clock(_ seconds: Double) -> String {
    guard seconds < 3.6e6 else { return "very long" }
    let total = Int(seconds.rounded())
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let (hours, minutes) = (total / 3600, total / 60 % 60)
    return (hours > 0 ? "\(hours):\(two(minutes))" : "\(minutes)") + ":" + two(total % 60)
  }

  /// C's printf of one number.
  private static func formatted(_ format: String, _ value: Double) -> String {
    var text = [CChar](repeating: 0, count: 400)
    let length = withVaList([value]) { vsnprintf(&text, text.count, format, $0) }
    let bytes = text[..<min(Int(max(0, length)), text.count - 1)].map { UInt8(bitPattern: $0) }
    return String(decoding: bytes, as: UTF8.self)
  }
}
