import DeepRFM
import Report
import Testing

/// The pages of runs that predict values.
@Suite struct ValuePageTests {
  private func run(_ name: String = "a", layers: Int = 3, outputs: Int = 1, isTested: Bool = true, seed: UInt64 = 0)
    -> RunRecord
  {
    var run = Made.run(name, layers: layers, seed: seed, gram: nil)
    for k in run.layers.indices {
      run.layers[k].metrics.predictsValues = true
      run.layers[k].metrics.rmse = .init(train: 0.5, test: isTested ? 12 - Double(k) : nil)
      run.layers[k].metrics.r2 = .init(train: 0.99, test: isTested ? 0.9 + 0.01 * Double(k) : nil)
      let targets = (0..<(20 * outputs)).map { Double($0) - 7 }
      run.layers[k].values = ValueRecord(
        outputs: outputs, targets: targets, predicted: targets.map { $0 + 0.125 * Double(k + 1) })
    }
    run.layers[0].diagonal = [0.25, 1, 0, 0.75]
    run.columns = ["carat", "depth <mm>", "table"]
    return run
  }

  @Test(arguments: [1, 3], [true, false]) func aRun(outputs: Int, isTested: Bool) {
    let html = Page.html(of: [run(outputs: outputs, isTested: isTested)])
    let page = Parsed(html)
    #expect(page.fault == nil)
    for words in ["NC1", "collapse", "accuracy"] {
      #expect(!page.elements.contains { $0.name == "h2" && $0.text.contains(words) })
    }
    let values = page.table("table-values")
    #expect(values.count == 3 && values[2][3] == (isTested ? "1.000e+01" : "–") && values[0][4] == "0.99000")
    // The largest entries first, by name where the column has one; what is 0 is not looked at.
    let columns = page.table("table-columns")
    #expect(columns.map { $0[0] } == ["depth <mm>", "feature 3", "carat"])
    #expect(columns[0][1] == "1.0000" && columns[1][2].hasPrefix("37.50"))
    let circles = page.indices("circle")
    #expect(circles.count == 2 * 20 * outputs)
    let ids = page.elements.compactMap { $0.attributes["id"] }
    #expect(Set(ids).count == ids.count)
    for element in page.elements {
      if let target = element.attributes["href"], target.hasPrefix("#") {
        #expect(ids.contains(String(target.dropFirst())))
      }
    }
  }

  @Test func sentences() {
    #expect(
      Page.finding(of: [run()])
        == "Test RMSE is 12 at layer 1 and 10 at layer 3; the least is 10, at layer 3, where R² is 0.9200.")
    #expect(Page.finding(of: [run(layers: 1)]) == "Test RMSE is 12 at layer 1, where R² is 0.9000.")
    #expect(Page.finding(of: [run(isTested: false)]).hasPrefix("Training RMSE (there is no test part) is 0.5"))
  }

  @Test func severalRuns() {
    let runs = [run("a"), run("b", seed: 1)]
    let page = Parsed(Page.html(of: runs))
    #expect(page.fault == nil && page.table("table-settings").count == 1)
    #expect(Page.finding(of: runs) == "Mean of 2 runs: the last layer's test RMSE is 10.")
    #expect(!page.elements.contains { $0.name == "h2" && $0.text == "Collapse" })
  }
}
