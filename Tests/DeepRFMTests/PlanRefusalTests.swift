import DeepRFM
import Testing

/// A layer that does not fit says what takes the room, and only what helps.
@Suite struct PlanRefusalTests {
  private func refusal(width: Int = 64, classes: Int = 4, samples: Int = 1000, ranks: Int = 4) -> String {
    let load = Workload(
      samples: samples, rows: (samples + ranks - 1) / ranks, width: width, outputWidth: 512, outputs: classes,
      centres: classes,
      ranks: ranks,
      threads: 1, testRows: 0, scalarBytes: 4, tileRows: 512, tileElements: samples / ranks * samples / 2,
      remoteElements: samples / ranks * samples / 2)
    return complaint { _ = try MemoryPlan(load, budget: 256 << 20, resident: 10 << 20, wantedRank: 0) }
  }

  @Test func causes() {
    // F6: the words of a small collection of texts.
    expectComplaint(refusal(width: 47_236, samples: 200), "47236 features", "fewer features help, more ranks do not")
    expectComplaint(refusal(classes: 20_000, samples: 40_000), "20000 outputs", "fewer classes or --samples help")
    expectComplaint(refusal(width: 3072, samples: 400_000, ranks: 8), "more ranks")
    for text in [refusal(width: 47_236, samples: 200), refusal(width: 47_236, samples: 200, ranks: 1000)] {
      #expect(!text.contains("need less each"), "\(text)")
    }
    #expect(refusal() == "(no error)")
  }
}
