import DeepRFM
import Runtime
import TestSupport
import Testing

@Suite struct TuneLineTests {
  private func line(_ bandwidth: Int, layers: Int = 1, _ figures: String) -> String {
    """
    {"kernel": "laplace", "bandwidth": \(bandwidth), "ridge": 0.001, "layers": \(layers), "selectedLayer": 1, \(figures), "seconds": 1}

    """
  }

  private func bandwidths(_ lines: [String]) throws -> [String] {
    let folder = try ScratchDirectory()
    _ = try folder.write(lines.joined(), to: "tune.jsonl")
    return TuneLine.ranked(try RunFolder(folder.path).readCombinations()).map { TuneLine.word($0.bandwidth) }
  }

  /// By accuracy, then depth, then squared error, then in their order; what has failed is last.
  @Test func orderOfClasses() throws {
    func figures(_ accuracy: Double, _ error: Double) -> String {
      "\"accuracy\": {\"validation\": \(accuracy)}, \"meanSquaredError\": {\"validation\": \(error)}"
    }
    let order = try bandwidths([
      line(1, "\"failure\": \"none\""), line(2, figures(0.9, 0.01)), line(3, layers: 2, figures(0.95, 0.01)),
      line(4, figures(0.95, 0.05)), line(5, figures(0.95, 0.04)), line(6, figures(0.95, 0.04)),
    ])
    #expect(order == ["5", "6", "4", "3", "2", "1"])
  }

  @Test func orderOfValues() throws {
    let order = try bandwidths([3.0, 2.0, 2.0, 4.0].enumerated().map { line($0, "\"rmse\": {\"validation\": \($1)}") })
    #expect(order == ["1", "2", "0", "3"])
  }
}
