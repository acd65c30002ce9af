import Files
import Testing

import Network

@Suite struct EpochMetricsTests {
  private var metrics: EpochMetrics {
    var metrics = EpochMetrics()
    (metrics.epoch, metrics.samples, metrics.ranks) = (10, 2000, 2)
    (metrics.loss.train, metrics.loss.test) = (0.25, 0.5)
    metrics.accuracy.train = 0.9
    metrics.seconds = [1, 0.25, 0.5, 0, 1.75]
    metrics.peakMemoryBytes = 1 << 20
    var layer = NetworkLayerMetrics()
    (layer.layer, layer.name, layer.inputWidth) = (1, "linear1", 784)
    layer.nfa = (0.5, .nan)
    layer.nc1.right = 0.125
    metrics.layers = [layer]
    return metrics
  }

  @Test func asInTheContract() {
    #expect(
      metrics.json.line
        == #"{"epoch": 10, "samples": 2000, "ranks": 2, "loss": {"train": 0.25, "test": 0.5}, "accuracy": {"train": 0.9, "test": null}, "#
        + #""seconds": {"train": 1.0, "exchange": 0.25, "evaluate": 0.5, "measure": 0.0, "total": 1.75}, "peakMemoryBytes": 1048576, "#
        + #""layers": [{"layer": 1, "name": "linear1", "inputWidth": 784, "nfa": {"agop": 0.5, "root": null}, "#
        + #""nc1": {"input": null, "right": 0.125, "output": null}, "nc2": {"input": null, "right": null, "output": null}, "#
        + #""withinShare": null, "betweenShare": null}]}"#)
  }

  @Test func readsWhatItWrote() throws {
    let again = try EpochMetrics(json: metrics.json, source: "line 1")
    #expect(again.json == metrics.json)
  }

  @Test func saysWhatIsMissing() {
    #expect(throws: InputError("line 1: loss is missing")) {
      try EpochMetrics(json: JSON(parsing: #"{"epoch": 0, "samples": 1, "ranks": 1}"#.utf8), source: "line 1")
    }
  }

  /// NC1 falls from 1 to 1e-2 in S V^T and to 1e-3 behind the activation: two thirds of the fall.
  @Test func shareOfTheRightStructure() {
    var layer = NetworkLayerMetrics()
    (layer.nc1.input, layer.nc1.right, layer.nc1.output) = (1, 1e-2, 1e-3)
    #expect(abs(layer.rightShare - 2.0 / 3) < 1e-12)
    layer.nc1.output = 2
    #expect(layer.rightShare.isNaN)
  }
}
