import LinearAlgebra
import MPI
import Network
import Runtime
import Testing

/// The parts of an epoch that a plan times: each is done, and takes a time. Every rank by itself.
@Suite struct EpochProbeTests {
  private func probe(_ architecture: Architecture, rows: Int) throws -> EpochProbe<Float> {
    let world = try TestWorld.all
    var options = NetworkOptions()
    (options.architecture, options.depth, options.width, options.learningRate) = (architecture, 2, 24, 1e-3)
    if architecture != .mlp { options.measure = .convolutions }
    let form = try options.form(features: 64, shape: [8, 8], classes: 3)
    let random = RandomStream(seed: 1, layer: 0, purpose: .probe)
    let x = Matrix<Float>(rows: rows, columns: 64)
    x.fill { Float(random.normal(row: $0, column: $1)) }
    let context = Context(world: try world.split(color: world.rank, key: 0), host: Host(threads: 2))
    return try EpochProbe(options, form, workspaceRows: rows + 3, rows: x, context)
  }

  @Test(arguments: Architecture.allCases) func everyPart(architecture: Architecture) throws {
    let probe = try probe(architecture, rows: 6)
    // Fewer rows than there are, and fewer than classes.
    for rows in [6, 2] {
      let step = try probe.step(rows: rows)
      #expect(step.count == 3 && step.allSatisfy { $0 > 0 && $0 < 60 })
      let others = [
        try probe.evaluate(rows: rows), try probe.measure(rows: rows), try probe.measure(rows: rows, outputs: 1),
      ]
      #expect(others.allSatisfy { $0 > 0 && $0 < 60 })
    }
    #expect(try probe.correlate(order: 20, ThreadPool(count: 2)) > 0)
  }
}
