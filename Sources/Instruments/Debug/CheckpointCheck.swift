import KernelMachine
import Runtime
import Solve

extension DebugProblem {
  /// A solve that is saved halfway as `train` saves it, read back as --resume reads it, and gone on with: the share of numbers that are
  /// not, to the last bit, those of a solve in one go.
  func checkCheckpoint() throws -> [Check] {
    let scratch = try ScratchRun()
    let folder = CheckpointFolder(scratch.directory)
    try folder.make()
    let file = CheckpointFile(folder.latest)
    let solver = RidgeSolver(
      method: .cg, ridge: training.options.ridge, tolerance: 1e-10, maxIterations: 1000, preconditionerRank: 0)
    let k = try kernelOperator()
    let whole = try solver.solve(k, y, preconditioner: nil) { _ in }
    let points = SafePoints<BlockConjugateGradient.State>(pace: Pace(stop: StopSwitch(), interval: 0)) { state in
      guard state.iterations == whole.iterations / 2 else { return }
      let checkpoint = Checkpoint(facts: .object([]), shared: state.numbers, own: state.tensors)
      _ = try file.write(checkpoint, training.context.world)
    }
    _ = try solver.solve(k, y, preconditioner: nil, safePoints: points) { _ in }
    let read = try file.read(training.context.world, rows: 0..<n) { _ in true }
    let state = try BlockConjugateGradient.State(read.own, read.shared, rows: n, classes: classes)
    let resumed = try solver.solve(k, y, preconditioner: nil, from: state) { _ in }
    var bits = BitComparison()
    bits.add(resumed.coefficients, whole.coefficients)
    bits.add(resumed.residual, whole.residual)
    // The file lives as long as this.
    withExtendedLifetime(scratch) {}
    let isWhole = state.iterations == whole.iterations / 2 && resumed.iterations == whole.iterations
    return [Check("checkpoint round trip, \(kernel.kind)", error: isWhole ? bits.changed : 1, bound: 0)]
  }
}
