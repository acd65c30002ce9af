import Foundation
import KernelMachine
import Report
import Runtime
import Testing

@Suite struct ComparisonTests {
  private let runs = [
    Made.run("a0", seed: 0), Made.run("i0", seed: 0, fall: 0.2) { $0.projection = .identity }, Made.run("a1", seed: 1),
    Made.run("a2", seed: 2) { $0.threads = 7 }, Made.run("i1", seed: 5, fall: 0.2) { $0.projection = .identity },
  ]

  @Test func runsThatDifferInSeedAloneAreOneGroup() {
    let groups = RunGroup.grouped(runs)
    #expect(groups.map(\.label) == ["projection agop", "projection identity"])
    #expect(groups.map { $0.runs.map(\.name) } == [["a0", "a1", "a2"], ["i0", "i1"]])
  }

  @Test func labelsNameEveryDifference() {
    let groups = RunGroup.grouped([
      Made.run { $0.ridge = 0 }, Made.run { $0.kernel = .gaussian }, Made.run { $0.testSamples = 10 },
    ])
    #expect(
      groups.map(\.label) == [
        "test samples default + kernel laplace + ridge 0", "test samples default + kernel gaussian + ridge 0.001",
        "test samples 10 + kernel laplace + ridge 0.001",
      ])
  }

  @Test func statisticsAreThePlainOnes() {
    let statistics = Statistics([3, .nan, 1, 8])
    #expect(statistics.count == 3 && statistics.mean == 4 && statistics.smallest == 1 && statistics.largest == 8)
    #expect(abs(statistics.deviation - 13.0.squareRoot()) < 1e-15)
    #expect(Statistics([2]).deviation.isNaN && Statistics([]).mean.isNaN)
  }

  @Test func tableHasMeanAndDeviation() throws {
    let rows = Parsed(Page.html(of: runs)).table("table-layers").filter { $0[0].contains("projection agop") }
    #expect(rows.count == 20)
    for (index, row) in rows.enumerated() {
      let values = [0, 2, 3].map { runs[$0].layers[index].metrics.nc1.input }
      let mean = values.reduce(0, +) / 3
      let deviation = (values.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / 2).squareRoot()
      let parts = row[2].components(separatedBy: " ± ").compactMap(Double.init)
      #expect(parts.count == 2)
      #expect(abs(parts[0] / mean - 1) < 6e-4 && abs(parts[1] / deviation - 1) < 6e-4)
    }
  }

  @Test func lineIsTheMeanAndBandTheRange() throws {
    let page = Parsed(Page.html(of: runs))
    let chart = try Chart(page, "nc1-input")
    #expect(chart.lines.count == 2)
    for (mark, layer) in zip(chart.lines[0], 0..<20) {
      let mean = [0, 2, 3].map { runs[$0].layers[layer].metrics.nc1.input }.reduce(0, +) / 3
      #expect(abs(pow(10, chart.logY(mark.y)) / mean - 1) < 2e-3)
    }
    let bands = page.indices("polygon", inside: chart.svg)
    #expect(bands.count == 2)
    let corners = try #require(page.elements[bands[0]].attributes["points"]).split(separator: " ")
      .map { $0.split(separator: ",").compactMap { Double($0) } }
    #expect(corners.count == 40)
    for layer in 0..<20 {
      let values = [0, 2, 3].map { runs[$0].layers[layer].metrics.nc1.input }
      // Along the upper edge, and back along the lower one.
      #expect(abs(pow(10, chart.logY(corners[layer][1])) / (values.max() ?? 0) - 1) < 2e-3)
      #expect(abs(pow(10, chart.logY(corners[39 - layer][1])) / (values.min() ?? 0) - 1) < 2e-3)
    }
  }

  @Test func findingFollowsFromTheFigures() {
    let groups = RunGroup.grouped(runs)
    let (agop, identity) = (Finding(groups[0]), Finding(groups[1]))
    #expect(agop.verdict == .collapse && identity.verdict == .none)
    #expect(abs(agop.nc1Fall / 1e4 - 1) < 1e-9 && abs(identity.nc1Fall / 0.2 - 1) < 1e-9)
    #expect(
      Finding.overall(groups)
        == "The classes collapse with projection agop; there is no collapse with projection identity.")
    let html = Page.html(of: runs)
    #expect(html.contains("The classes collapse with projection agop; there is no collapse with projection identity."))
    #expect(html.contains("falls by a factor of 10,000") && html.contains("rises by a factor of 5"))
  }

  @Test func whereAllDoTheSameTheRangeIsTold() {
    let same = [100.0, 1e4, 1e3].enumerated().map { index, fall in Made.run(fall: fall) { $0.ridge = Double(index) } }
    #expect(
      Finding.overall(RunGroup.grouped(same))
        == "The classes collapse in all 3 settings: from the first layer to the last NC1 falls most with ridge 1 (÷ 10,000) and "
        + "least with ridge 0 (÷ 100).")
  }

  @Test(arguments: [(1.0, Finding.Verdict.none), (10, .partial), (100, .collapse), (.nan, .undefined)])
  func verdictByFall(fall: Double, verdict: Finding.Verdict) {
    #expect(Finding(RunGroup.grouped([Made.run(fall: fall)])[0]).verdict == verdict)
    #expect(Parsed(Page.html(of: [Made.run(fall: fall)])).fault == nil)
  }

  @Test func aSingleLayerTellsNothing() {
    #expect(Finding(RunGroup.grouped([Made.run(layers: 1)])[0]).verdict == .unknown)
  }

  /// One class: no NC at any layer.
  @Test func undefinedIsSaidToBeUndefined() {
    var run = Made.run(layers: 12)
    for index in run.layers.indices {
      run.layers[index].metrics.nc1 = .init(input: .nan, projected: .nan, mapped: .nan)
      run.layers[index].metrics.nc2 = run.layers[index].metrics.nc1
    }
    let sentence = Page.finding(of: [run])
    #expect(sentence.contains("NC1 of the layer's input is undefined at layer 1 and at layer 12"))
    #expect(!sentence.contains("too few layers") && !sentence.contains("nan"))
    let page = Page.html(of: [run])
    #expect(Parsed(page).fault == nil && !page.contains("nan<") && !page.contains("-nan"))
    var other = Made.run(layers: 12) { $0.ridge = 1 }
    other.layers[11].metrics.nc1.input = 0
    let both = Page.finding(of: [run, other])
    #expect(both.contains("undefined") && both.contains("collapse"))
    #expect(Page.finding(of: [other]).contains("to 0 at layer 12: the classes collapse"))
    #expect(Page.html(of: [Made.run(layers: 1)]).contains("too few layers to tell"))
  }

  @Test func unevenRunsAreComparedWhereAllAre() {
    let long = Made.run("long", layers: 20)
    var short = Made.run("short", layers: 20, seed: 1)
    short.layers.removeLast(15)
    let group = RunGroup.grouped([long, short])[0]
    #expect(group.runs.count == 2)
    #expect(group.statistics(layer: 20) { $0.nc1.input }.count == 1)
    #expect(Page.html(of: [long, short]).contains("at layer 5:"))
  }

  @Test func whatWasNotSolvedIsTold() {
    var unsolved = Made.run("runs/b", layers: 4, seed: 1)
    unsolved.layers[1].metrics.solver.converged = false
    unsolved.layers[3].metrics.solver.converged = false
    let html = Page.html(of: [Made.run(layers: 4), unsolved])
    #expect(html.contains("runs/b: not solved to the tolerance: layers 2, 4."))
    #expect(Page.html(of: [unsolved]).contains("Not solved to the tolerance: layers 2, 4."))
    #expect(!Page.html(of: [Made.run(layers: 4), Made.run(layers: 4, seed: 1)]).contains("not solved"))
  }

  @Test func withoutTestSamplesThereIsNoTestChart() {
    var runs = [Made.run("a", layers: 4), Made.run("b", layers: 4, seed: 1)]
    #expect(Page.html(of: runs).contains("test-accuracy"))
    for run in runs.indices { for layer in 0..<4 { runs[run].layers[layer].metrics.accuracy.test = nil } }
    #expect(!Page.html(of: runs).contains("test-accuracy"))
    #expect(Parsed(Page.html(of: runs)).fault == nil)
  }

  @Test func manySettingsKeepTheirOwnLooks() {
    let many = (0..<30).map { index in Made.run("r\(index)", layers: 4, gram: nil) { $0.ridge = Double(index + 1) } }
    let page = Parsed(Page.html(of: many))
    #expect(page.fault == nil && page.table("table-settings").count == 30)
  }
}
