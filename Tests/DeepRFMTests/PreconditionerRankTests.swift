import DeepRFM
import KernelMachine
import Testing

/// Columns of the preconditioner, where the user asks for no number.
@Suite struct PreconditionerRankTests {
  private func rank(_ samples: Int, _ outputs: Int, width: Int = 3072, layer: Int = 1) -> Int {
    RidgeSolver.defaultRank(samples: samples, width: width, outputs: outputs, layer: layer)
  }

  /// An iteration reads K whatever it multiplies it with: up to three outputs cost what one does, and so it has as many columns; from
  /// there on more outputs are worth more columns.
  @Test(arguments: [16_000, 32_000, 50_000]) func fewOutputsCostTheReadingOfK(samples: Int) {
    #expect(rank(samples, 1) == rank(samples, 3) && rank(samples, 2) == rank(samples, 3))
    #expect(rank(samples, 3) < rank(samples, 4) && rank(samples, 4) < rank(samples, 10))
    // Charged by its operations alone, one output would have 50, 80 and 130.
    #expect(rank(samples, 1) * 3 > 5 * (samples == 16_000 ? 50 : samples == 32_000 ? 80 : 130))
  }

  /// The minimum is flat, and where it lies was measured: CIFAR-10, ten classes.
  @Test func tenClassesAreAsMeasured() {
    #expect(rank(16_000, 10) == 230 && rank(32_000, 10) == 470)
  }

  /// Mapped layers have a sixteenth of the samples, between a tenth, or 400, and 1,000; never more than there are samples.
  @Test func mappedLayers() {
    for outputs in [1, 10] {
      #expect(rank(30, outputs, layer: 2) == 30 && rank(300, outputs, layer: 2) == 50)
      #expect(rank(2000, outputs, layer: 2) == 200 && rank(6000, outputs, layer: 2) == 400)
      #expect(rank(12_800, outputs, layer: 2) == 800 && rank(60_000, outputs, layer: 2) == 1000)
    }
  }
}
