import Instruments
import KernelMachine
import LinearAlgebra
import Runtime
import Testing

/// Which rows of which ranks meet on the Gram route.
@Suite struct AGOPPlanTests {
  @Test func runsKeepOrderAndLimit() {
    let segments = Layout(classCounts: [10, 0, 3, 1, 25], ranks: 1, tileRows: 4).segments(of: 0)
    for limit in [1, 4, 7, 12, 100] {
      let runs = segments.runs(ofAtMost: limit)
      #expect(runs.flatMap { $0 } == segments)
      #expect(runs.allSatisfy { $0.count == 1 || $0.rowRange.count <= limit })
    }
    #expect([Segment]().runs(ofAtMost: 3).isEmpty && [Segment]().rowRange.isEmpty)
  }

  @Test(arguments: [1, 2, 3, 4, 7]) func everyRowIsInOnePieceOfOneChunk(ranks: Int) {
    let layout = Layout(classCounts: [10, 0, 3, 1, 25], ranks: ranks, tileRows: 4)
    let plan = PairwisePlan(layout: layout, chunkRows: 6, pieceRows: 3)
    for rank in 0..<ranks {
      let chunks = (0..<plan.chunks).map { plan.chunk($0, of: rank) }
      #expect(chunks.flatMap { $0 } == layout.segments(of: rank))
      for (index, chunk) in chunks.enumerated() {
        let pieces = (0..<plan.pieces(ofChunk: index)).map { plan.piece($0, ofChunk: index, of: rank) }
        #expect(pieces.flatMap { $0 } == chunk)
        #expect(pieces.allSatisfy { $0.rowRange.count <= plan.largestPiece })
        #expect(chunk.halves.first + chunk.halves.second == chunk)
      }
    }
  }

  /// Signs of different outputs cancel over every full period, whatever the column signs.
  @Test(arguments: [1, 2, 3, 10, 16, 100]) func signsAreOrthogonal(outputs: Int) {
    let source = SketchSigns(outputs: outputs, random: .init(seed: 3, layer: 2, purpose: .sketch))
    let order = source.order
    #expect(order >= outputs && order < 2 * outputs)
    let signs: Matrix<Double> = source.signs((5 * order)..<(6 * order), probe: 1)
    for a in 0..<outputs {
      for b in 0..<outputs {
        let product = (0..<order).reduce(0.0) { $0 + signs[$1, a] * signs[$1, b] }
        #expect(product == (a == b ? Double(order) : 0))
      }
    }
  }
}
