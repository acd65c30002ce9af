/// Seconds spent waiting for other ranks: communication that was not hidden behind work.
public final class CommunicationMeter: @unchecked Sendable {
  public private(set) var seconds = 0.0
  public init() {}

  /// *Local.* Runs `body` and counts the time it took.
  public func time<R>(_ body: () throws -> R) rethrows -> R {
    let start = ContinuousClock.now
    defer { seconds += (ContinuousClock.now - start) / .seconds(1) }
    return try body()
  }
}
