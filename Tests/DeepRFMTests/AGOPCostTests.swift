import KernelMachine
import Testing

@Suite struct AGOPCostTests {
  private func cost(_ samples: Int, _ width: Int, _ outputs: Int, ranks: Int = 1, memory: Int = 20 << 30) -> AGOPCost {
    AGOPCost(
      samples: samples, rows: (samples + ranks - 1) / ranks, width: width, outputs: outputs,
      centres: outputs, ranks: ranks, threads: 2, scalarBytes: 4, memoryBytes: memory)
  }

  /// The table of operations that the routes were chosen from, in units of 10^12.
  @Test func formulas() {
    let cases: [(samples: Int, width: Int, outputs: Int, byClass: Double, gram: Double)] = [
      (8_000, 3072, 10, 4.7, 0.9), (50_000, 3072, 10, 158, 140), (50_000, 512, 10, 25.7, 127.6),
      (50_000, 512, 100, 257, 127.6),
    ]
    for (samples, width, outputs, byClass, gram) in cases {
      let cost = cost(samples, width, outputs)
      #expect(abs(cost.ownOperations(of: .class) / 1e12 / byClass - 1) < 0.02)
      #expect(abs(cost.ownOperations(of: .gram) / 1e12 / gram - 1) < 0.02)
    }
  }

  @Test func theCheaperRoute() {
    #expect(cost(8_000, 3072, 10).route(.auto) == .gram)
    #expect(cost(50_000, 512, 10).route(.auto) == .class)
    #expect(cost(50_000, 512, 100).route(.auto) == .gram)
    #expect(cost(8_000, 512, 10).route(.auto) == .gram)
    #expect(cost(32_000, 512, 10).route(.auto) == .class)
    for route in [AGOPRoute.class, .gram, .sketch] { #expect(cost(8_000, 512, 10).route(route) == route) }
    #expect(cost(8_000, 512, 10).operations(of: .sketch) < cost(8_000, 512, 10).operations(of: .class) / 3)
  }

  /// Where the panels have to be recomputed and again, the Gram route ends by costing more.
  @Test func memoryDecidesToo() {
    let (roomy, tight) = (cost(50_000, 3072, 10), cost(50_000, 3072, 10, memory: 2 << 30))
    #expect(roomy.route(.auto) == .gram && tight.route(.auto) == .class)
    #expect(roomy.gramChunkRows == 50_000 && tight.gramChunkRows < 10_000)
    #expect(roomy.gramBytes <= roomy.memoryBytes && tight.gramBytes <= tight.memoryBytes)
    #expect(cost(50_000, 3072, 10, ranks: 8, memory: 4 << 30).gramChunkRows == 6_250)
  }

  @Test func nothingToDo() {
    let none = cost(0, 5, 3)
    #expect(none.route(.auto) == .class && none.gramChunkRows == 1 && none.operations(of: .gram) >= 0)
  }
}
