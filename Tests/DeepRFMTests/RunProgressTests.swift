import DeepRFM
import Files
import Measures
import Report
import Runtime
import Synchronization
import Testing

@Suite struct RunProgressTests {
  /// Time that the test turns on, and a page that keeps what is written.
  private final class Stage: Sendable {
    let seconds = Mutex(0.0)
    let page = Mutex("")

    func progress(_ style: Progress.Style) -> Progress {
      Progress(
        style: style, write: { text in self.page.withLock { $0 += text } },
        clock: { self.seconds.withLock { $0 } }, columns: { nil })
    }

    func progress(columns: Int) -> Progress {
      Progress(
        style: .live, write: { text in self.page.withLock { $0 += text } },
        clock: { self.seconds.withLock { $0 } }, columns: { columns })
    }

    func wait(_ time: Double) { seconds.withLock { $0 += time } }
    var text: String { page.withLock { $0 } }
  }

  private var metrics: LayerMetrics {
    var metrics = LayerMetrics()
    metrics.layer = 3
    metrics.inputWidth = 512
    metrics.nc1.input = 1.2345e-4
    metrics.accuracy.train = 0.98765
    metrics.solver.residual = 8.1e-5
    metrics.seconds.total = 12.34
    return metrics
  }

  @Test func liveLineHasPercentAndTimeLeft() {
    let stage = Stage()
    let progress = stage.progress(.live)
    progress.begin("layer 3/20  solve")
    stage.wait(20)
    progress.advance(fraction: 0.625)
    #expect(stage.text == "\r\u{1B}[Klayer 3/20  solve\r\u{1B}[Klayer 3/20  solve  62%  0:12 left")
    progress.endPhase()
    #expect(stage.text.hasSuffix("left\r\u{1B}[K"))
  }

  @Test(arguments: [1, 5, 18, 20, 23, 24, 32, 33, 34, 80]) func liveLineFitsTheTerminal(columns: Int) {
    let stage = Stage()
    let progress = stage.progress(columns: columns)
    progress.begin("layer 3/20  solve")
    stage.wait(20)
    progress.advance(fraction: 0.625)
    let line = stage.text.lastIndex(of: "K").map { String(stage.text[$0...].dropFirst()) } ?? "none"
    #expect(line.count < columns && "layer 3/20  solve  62%  0:12 left".hasPrefix(line))
    // Parts go whole, as long as one is left.
    switch columns {
    case 34...: #expect(line.hasSuffix("left"))
    case 23...: #expect(line.hasSuffix("solve  62%"))
    case 18...: #expect(line.hasSuffix("solve"))
    default: #expect(line.count == columns - 1)
    }
  }

  @Test func whatIsNotANumberIsUndefined() {
    for value in [Double.nan, -Double.nan] {
      #expect(Format.scientific(value, digits: 3) == "undefined" && Format.percent(value) == "undefined")
      #expect(Format.fixed(value, digits: 1) == "undefined")
    }
    #expect(Format.clock(.nan) == "very long")
  }

  @Test func liveLineIsDrawnTenTimesASecondAtMost() {
    let stage = Stage()
    let progress = stage.progress(.live)
    progress.begin("layer 1/1  kernel")
    for step in 0..<10_000 {
      stage.wait(1e-3)
      progress.advance(fraction: Double(step) / 10_000)
    }
    let drawings = stage.text.count { $0 == "\r" }
    #expect((90...102).contains(drawings))
  }

  @Test func fractionsOutOfOrderAreNotTakenBack() {
    let stage = Stage()
    let progress = stage.progress(.live)
    progress.begin("layer 1/1  agop")
    for fraction in [0.5, 0.25, .nan, 7] {
      stage.wait(1)
      progress.advance(fraction: fraction)
    }
    #expect(!stage.text.contains("25%") && stage.text.hasSuffix("100%"))
    progress.endPhase()
    let before = stage.text
    stage.wait(1)
    progress.advance(fraction: 0.5)
    #expect(stage.text == before)
  }

  @Test func tableHasItsHeaderOnce() {
    let stage = Stage()
    let progress = stage.progress(.plain)
    for _ in 0..<2 {
      progress.begin("layer 3/20  solve")
      stage.wait(1)
      progress.advance(fraction: 0.5)
      progress.endPhase()
      progress.row(MetricsTable.row(metrics), header: MetricsTable.header(metrics))
    }
    progress.message("done")
    let row = "     3    512  1.234e-04  undefined   98.77%        -     0   8.1e-05    12.34"
    let lines = stage.text.split(separator: "\n")
    #expect(lines.count == 4 && lines[1] == row && lines[2] == row && lines[3] == "done")
    #expect(
      lines[0] == " layer  width        NC1        NC2    train     test    CG  residual  seconds")
    #expect(stage.text.allSatisfy { $0 == "\n" || ($0.isASCII && $0 >= " ") })
  }

  @Test func plainOutputTellsOfALongPhaseNowAndThen() {
    let stage = Stage()
    let progress = stage.progress(.plain)
    progress.begin("layer 1/20  kernel")
    for step in 1...100 {
      stage.wait(1)
      progress.advance(fraction: Double(step) / 100)
    }
    #expect(stage.text.split(separator: "\n").count == 3)
    #expect(stage.text.hasPrefix("layer 1/20  kernel  30%  1:10 left\n"))
  }

  @Test func silenceIsSilent() {
    let stage = Stage()
    let progress = stage.progress(.silent)
    progress.begin("layer 1/2  kernel")
    stage.wait(100)
    progress.advance(fraction: 0.5)
    progress.row(MetricsTable.row(metrics), header: MetricsTable.header(metrics))
    progress.message("x")
    progress.endPhase()
    #expect(stage.text.isEmpty)
  }
}

@Suite struct RunTimingTests {
  private func seconds(_ timer: PhaseTimer) -> LayerMetrics.Seconds {
    LayerMetrics.Seconds(values: timer.values(of: Phase.ofLayer))
  }

  @Test func nestedPhasesAreCountedOnce() {
    var now = 0.0
    let timer = PhaseTimer { now }
    timer.measure(.solve) {
      now += 3
      timer.measure(.communication) { now += 1 }
      now += 2
    }
    now += 4
    #expect(seconds(timer)[.solve] == 5 && seconds(timer)[.communication] == 1)
    #expect(seconds(timer).total == 10)
    timer.restart()
    #expect(seconds(timer) == LayerMetrics.Seconds())
  }

  @Test func anErrorStillStopsThePhase() {
    var now = 0.0
    let timer = PhaseTimer { now }
    #expect(throws: InputError.self) {
      try timer.measure(.kernel) {
        now += 1
        throw InputError("x")
      }
    }
    now += 1
    #expect(seconds(timer)[.kernel] == 1)
  }

  @Test func secondsGoThroughAnArray() {
    let values = (1...9).map { Double($0) }
    #expect(LayerMetrics.Seconds(values: values).values == values)
    #expect(LayerMetrics.Seconds(values: values)[.communication] == 8)
  }

  @Test func peakMemoryIsThatOfThisProcess() {
    #expect(Memory.peak > 1 << 20 && Memory.peak < 1 << 42)
    #expect(monotonicSeconds() <= monotonicSeconds())
  }
}
