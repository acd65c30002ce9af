import Runtime
import Testing

/// When a run saves and stops.
@Suite struct PaceTests {
  private final class Clock {
    var now = 100.0
  }

  @Test func checkpointsByTime() {
    let (clock, stop) = (Clock(), StopSwitch())
    let pace = Pace(stop: stop, interval: 600, clock: { clock.now })
    #expect(pace.wish == .nothing)
    clock.now += 599
    #expect(pace.wish == .nothing)
    clock.now += 1
    #expect(pace.wish == .checkpoint)
    pace.restart()
    #expect(pace.wish == .nothing)
    stop.request(.timeLimit)
    #expect(pace.wish == .stop)
  }

  @Test func theFirstRequestCounts() {
    let stop = StopSwitch()
    #expect(!stop.isRequested && stop.cause == nil)
    stop.request(.signal(15))
    stop.request(.timeLimit)
    #expect(stop.isRequested && stop.cause == .signal(15))
    let patient = StopSwitch(afterPolls: 2)
    #expect(!patient.isRequested && !patient.isRequested && patient.isRequested && patient.isRequested)
  }

  /// The largest wish comes out of a sum over ranks, in any order and of many.
  @Test func wishesAdd() {
    #expect(Wish(sum: 0) == .nothing)
    #expect(Wish(sum: 100_000 * Wish.checkpoint.term) == .checkpoint)
    #expect(Wish(sum: 100_000 * Wish.checkpoint.term + Wish.stop.term) == .stop)
    #expect(Wish(sum: 100_000 * Wish.stop.term) == .stop)
    #expect(Wish.nothing < .checkpoint && Wish.checkpoint < .stop)
  }
}
