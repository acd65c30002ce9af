import Glibc
import Synchronization

/// What a run says while it works: a table with a row a layer, or an epoch, and, on a terminal, a live line below it.
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
  /// Characters of the terminal's line, which may change at any time; nil: not known.
  private let columns: @Sendable () -> Int?
  private let state = Mutex(State())

  /// Seconds between two drawings.
  private var interval: Double { style == .live ? 0.1 : 30 }

  public init(
    style: Style, write: @escaping @Sendable (String) -> Void = standardOutput,
    clock: @escaping @Sendable () -> Double = monotonicSeconds,
    columns: (@Sendable () -> Int?)? = nil
  ) {
    self.style = style
    self.write = write
    self.clock = clock
    self.columns = columns ?? { Terminal.columns }
  }

  /// For standard output as it is. `enabled`: this rank speaks for all; `quiet`: nobody does.
  public convenience init(enabled: Bool, quiet: Bool = false) {
    let style: Style = !enabled || quiet ? .silent : Terminal.isInteractive ? .live : .plain
    self.init(style: style)
  }

  /// A part of the work begins: "reading mnist", "layer 3/20  solve".
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

  /// A step of the run has ended: its row of a table, whose header stands above the first.
  public func row(_ row: String, header: String) {
    guard style != .silent else { return }
    state.withLock { state in
      let header = state.headerShown ? "" : header + "\n"
      state.headerShown = true
      state.active = false
      print(header + row, &state)
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
    var parts = [state.place]
    if state.fraction > 0 { parts.append("\(Int(state.fraction * 100))%") }
    let elapsed = now - state.began
    // The first moments say little about the rest.
    if elapsed >= 0.5, state.fraction > 0, state.fraction < 1 {
      parts.append("\(Format.clock(elapsed * (1 - state.fraction) / state.fraction)) left")
    }
    let line = style == .live ? fitting(parts) : parts.joined(separator: "  ")
    switch style {
    case .live:
      write(Self.eraseLine + line)
      state.lineShown = true
    case .plain: write(line + "\n")
    case .silent: break
    }
    state.drawn = now
  }

  /// As many of the parts as the terminal's line has room for: of a line that was broken in two, only the second could be erased.
  private func fitting(_ parts: [String]) -> String {
    let all = parts.joined(separator: "  ")
    // The last column is left free: some terminals begin a new line when it is filled.
    guard let columns = columns(), all.count >= columns else { return all }
    return parts.count > 1 ? fitting(parts.dropLast()) : String(all.prefix(max(0, columns - 1)))
  }
}
