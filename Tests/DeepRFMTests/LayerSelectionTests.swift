import DeepRFM
import Files
import Testing

/// The layer that a run is for.
@Suite struct LayerSelectionTests {
  private func selection(_ accuracies: [Double?], _ change: (inout TrainOptions) -> Void = { _ in }) -> [LayerSelection]
  {
    var options = TrainOptions()
    (options.layers, options.validation) = (accuracies.count, 0.1)
    change(&options)
    var selection = LayerSelection(options)
    return accuracies.enumerated().map { index, accuracy in
      var metrics = LayerMetrics()
      metrics.layer = index + 1
      metrics.accuracy.validation = accuracy
      selection.note(metrics)
      return selection
    }
  }

  @Test func theBestIsTakenAndOfEqualOnesTheEarlier() {
    let steps = selection([0.5, 0.7, 0.7, 0.6, 0.9])
    #expect(steps.map(\.layer) == [1, 2, 2, 2, 5])
    #expect(steps.map(\.takesLatest) == [true, true, false, false, true])
    #expect(steps.map(\.hasEnded) == [false, false, false, false, true])
  }

  @Test func theLastIsTakenWhereItIsAskedForOrNothingIsHeldOut() {
    #expect(selection([0.5, 0.7, 0.6]) { $0.select = .last }.map(\.layer) == [nil, nil, 3])
    #expect(selection([nil, nil]) { $0.validation = 0 }.map(\.layer) == [nil, 2])
  }

  @Test func patienceCountsLayersSinceTheBest() {
    let steps = selection([0.5, 0.7, 0.7, 0.6, 0.9]) { $0.patience = 2 }
    #expect(steps[2].hasEnded == false && steps[3].hasEnded && steps[3].layer == 2)
    // The last layer that was made, not the last that was asked for.
    let last = selection([0.5, 0.4, 0.3, 0.2]) { ($0.patience, $0.select) = (1, .last) }
    #expect(last[1].hasEnded && last[1].layer == 2 && last[1].takesLatest)
  }

  @Test func whatIsNoNumberIsNeverTheBest() {
    #expect(selection([.nan, 0.1, .nan]).map(\.layer) == [nil, 2, 2])
  }

  @Test(arguments: [
    "--patience 3", "--select best", "--validation -1", "--validation 1.5", "--validation x",
    "--patience 0 --validation 5",
  ])
  func optionsThatDoNotGoTogetherAreRefused(line: String) {
    #expect(throws: InputError.self) { try TrainOptions.parse(line.split(separator: " ").map(String.init)) }
  }

  @Test func validationMayBeAShareOrANumber() throws {
    #expect(try TrainOptions.parse(["--validation", "0"]).choice == .last)
    #expect(try TrainOptions.parse(["--validation", "0.25"]).choice == .best)
    #expect(try TrainOptions.parse(["--validation", "300", "--select", "last"]).choice == .last)
  }
}
