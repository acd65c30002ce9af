import DeepRFM
import Files
import Foundation
import Instruments
import KernelMachine
import LinearAlgebra
import MPI
import Runtime
import Solve
import Testing

/// Computations that are stopped at a safe point and gone on with give the bits of undisturbed ones.
@Suite(.serialized) struct RestartTests {
  private static let shapes = [
    Shape(classCounts: [1, 0, 2]), Shape(classCounts: [13, 0, 1, 9, 17], tileRows: 5),
    Shape(classCounts: [40, 30], tileRows: 8),
  ]
  private let kernel = Kernel(.laplace, bandwidth: 2)

  /// Calls `body` with switches that are set after more and more looks, until one gets through. Returns how often one did not.
  private func untilThrough(
    _ first: Int = 0, step: Int = 1, _ body: (StopSwitch) throws -> Void
  ) throws -> Int {
    var stops = 0
    while true {
      do {
        try body(StopSwitch(afterPolls: first + step * stops))
        return stops
      } catch is StoppedEarly { stops += 1 }
      try #require(stops < 10_000)
    }
  }

  private func expectSameBits(_ a: Matrix<Double>, _ b: Matrix<Double>) {
    #expect(a.rows == b.rows && a.columns == b.columns)
    withExtendedLifetime((a, b)) {
      #expect(zip(a.buffer, b.buffer).allSatisfy { $0.bitPattern == $1.bitPattern })
    }
  }

  /// Tensors as they are now, whatever becomes of the memory behind them.
  private func copied(_ tensors: [SavedTensor]) throws -> [SavedTensor] {
    try tensors.map {
      $0.scalarBytes == 4
        ? SavedTensor($0.name, try tensors.matrix($0.name, as: Float.self))
        : SavedTensor($0.name, try tensors.matrix($0.name, as: Double.self))
    }
  }

  // MARK: - The solve

  /// Stopped at every look in turn, on ranks that look more and less often, and gone on with from what was saved then.
  @Test(arguments: shapes, [0, 12]) func solve(shape: Shape, preconditionerRank: Int) throws {
    let world = try TestWorld.all
    let problem = try Problem<Float>(
      shape.samples(), classCounts: shape.classCounts, world: world, tileRows: shape.tileRows)
    let solver = RidgeSolver(
      method: .cg, ridge: 1e-3, tolerance: 1e-6, maxIterations: 60, historyLimit: 6,
      preconditionerRank: preconditionerRank)
    let k = try problem.kernelMatrix(kernel)
    let preconditioner = try solver.makePreconditioner(
      of: k, random: RandomStream(seed: 3, layer: 1, purpose: .pivots)
    ) { _ in }
    let y = problem.own(problem.targets)
    let expected = try solver.solve(k, y, preconditioner: preconditioner) { _ in }
    var saved: BlockConjugateGradient.State?
    var result: Solution?
    let stops = try untilThrough { stop in
      let points = SafePoints<BlockConjugateGradient.State>(pace: Pace(stop: stop, interval: .infinity)) { state in
        saved = try BlockConjugateGradient.State(
          copied(state.tensors), copied(state.numbers), rows: y.rows, classes: y.columns)
      }
      result = try solver.solve(k, y, preconditioner: preconditioner, safePoints: points, from: saved) { _ in }
    }
    let solution = try #require(result)
    #expect(stops > 3)
    #expect(solution.iterations == expected.iterations && solution.outcome == expected.outcome)
    #expect(solution.relativeResiduals == expected.relativeResiduals)
    expectSameBits(solution.coefficients, expected.coefficients)
    expectSameBits(solution.residual, expected.residual)
  }

  /// Saving without stopping changes nothing either, and each state leads to the same end.
  @Test func solveFromEveryState() throws {
    let shape = Self.shapes[1]
    let world = try TestWorld.all
    let problem = try Problem<Double>(
      shape.samples(), classCounts: shape.classCounts, world: world, tileRows: shape.tileRows)
    let solver = RidgeSolver(method: .cg, ridge: 0, tolerance: 1e-10, maxIterations: 60, preconditionerRank: 0)
    let k = try problem.kernelMatrix(kernel)
    let y = problem.own(problem.targets)
    var states: [BlockConjugateGradient.State] = []
    let points = SafePoints<BlockConjugateGradient.State>(pace: Pace(stop: StopSwitch(), interval: 0)) { state in
      states.append(
        try BlockConjugateGradient.State(copied(state.tensors), copied(state.numbers), rows: y.rows, classes: y.columns)
      )
    }
    let expected = try solver.solve(k, y, preconditioner: nil) { _ in }
    expectSameBits(
      try solver.solve(k, y, preconditioner: nil, safePoints: points) { _ in }.coefficients, expected.coefficients)
    #expect(states.count > 3 && states.contains { $0.ending != nil } && states.contains { $0.ending == nil })
    for state in states {
      expectSameBits(
        try solver.solve(k, y, preconditioner: nil, from: state) { _ in }.coefficients, expected.coefficients)
    }
  }

  // MARK: - The AGOP

  private func interrupted(
    _ route: AGOPRoute, _ agop: (SafePoints<AGOPState>, AGOPState?) throws -> Matrix<Double>
  ) throws -> (matrix: Matrix<Double>, stops: Int) {
    var saved: AGOPState?
    var result: Matrix<Double>?
    let stops = try untilThrough { stop in
      let points = SafePoints<AGOPState>(pace: Pace(stop: stop, interval: .infinity)) { state in
        #expect(state.route == route)
        saved = try AGOPState(route, saved: copied(state.saved))
      }
      result = try agop(points, saved)
    }
    return (try #require(result), stops)
  }

  private func coefficients(_ shape: Shape) -> Matrix<Double> {
    noise(shape.classCounts.reduce(0, +), shape.classCounts.count, seed: 51)
  }

  @Test(arguments: shapes, [0, 700, 1 << 20]) func classRoute(shape: Shape, chunkBytes: Int) throws {
    let problem = try Problem<Float>(
      shape.samples(), classCounts: shape.classCounts, world: TestWorld.all, tileRows: shape.tileRows)
    let a = problem.own(coefficients(shape))
    let gradients = problem.gradients(kernel, chunkBytes: chunkBytes)
    let expected = try gradients.agop(a) { _ in }
    let (matrix, stops) = try interrupted(.class) { try gradients.agop(a, safePoints: $0, from: $1) { _ in } }
    #expect(stops > 0)
    expectSameBits(matrix, expected)
  }

  @Test(arguments: shapes, [0, 3_000, 8 << 20]) func gramRoute(shape: Shape, memoryBytes: Int) throws {
    let problem = try Problem<Float>(
      shape.samples(), classCounts: shape.classCounts, world: TestWorld.all, tileRows: shape.tileRows)
    let a = problem.own(coefficients(shape))
    let gram = problem.gram(kernel, memoryBytes: memoryBytes, pieceRows: 9)
    let expected = try gram.agop(a) { _ in }
    let (matrix, stops) = try interrupted(.gram) { try gram.agop(a, safePoints: $0, from: $1) { _ in } }
    #expect(stops > 1)
    expectSameBits(matrix, expected)
  }

  @Test(arguments: shapes) func sketch(shape: Shape) throws {
    let problem = try Problem<Float>(
      shape.samples(), classCounts: shape.classCounts, world: TestWorld.all, tileRows: shape.tileRows)
    let a = problem.own(coefficients(shape))
    let sketch = problem.sketch(kernel, seed: 5, chunkBytes: 900)
    let expected = try sketch.estimate(a) { _ in }
    let (matrix, stops) = try interrupted(.sketch) { points, saved in
      let (matrix, error) = try sketch.estimate(a, safePoints: points, from: saved) { _ in }
      #expect(error == expected.relativeError)
      return matrix
    }
    #expect(stops > 0)
    expectSameBits(matrix, expected.agop)
  }

  // MARK: - Whole runs

  private func options(_ output: String, _ change: (inout TrainOptions) -> Void) -> TrainOptions {
    var options = TrainOptions()
    (options.samples, options.testSamples, options.layers, options.width) = (220, 60, 3, 40)
    (options.output, options.quiet, options.resume) = (output, true, true)
    change(&options)
    return options
  }

  private func train(_ options: TrainOptions, _ stop: StopSwitch = StopSwitch()) throws -> Runtime.ExitStatus {
    let world = try TestWorld.all
    return try DeepRFM.train(options, host: Host(surveying: world, threads: 1), world: world, stop: stop)
  }

  private func expectSameRun(_ a: RunFolder, _ b: RunFolder, _ comment: Comment? = nil) throws {
    func bytes(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }
    for layer in 1...3 { #expect(try bytes(a.layer(layer)) == bytes(b.layer(layer)), comment) }
    #expect(try bytes(a.model) == bytes(b.model), comment)
    func untimed(_ run: RunFolder) throws -> [LayerMetrics] {
      try run.readMetrics().map { line in
        var line = line
        (line.seconds, line.peakMemoryBytes) = (LayerMetrics.Seconds(), 0)
        return line
      }
    }
    #expect(try untimed(a) == untimed(b), comment)
    #expect(try untimed(a).count == 3)
  }

  @Test(arguments: [AGOPRoute.class, .gram, .sketch], [Precision.float32, .float64])
  func stoppedManyTimes(route: AGOPRoute, precision: Precision) throws {
    // Precision and ranks have nothing to do with each other: on more than two each route has one.
    if try TestWorld.all.size > 2, (route == .gram) != (precision == .float64) { return }
    try expectUndisturbed {
      ($0.agop, $0.precision) = (route, precision)
      $0.features = precision == .float64 ? .cosine : .relu
    }
  }

  @Test(arguments: [AGOPRoute.class, .gram]) func valuesStoppedManyTimes(route: AGOPRoute) throws {
    // Rows of one group have few tiles, between which a run may stop.
    try expectUndisturbed(firstStop: 20, step: 11) { ($0.agop, $0.targets) = (route, .values) }
  }

  /// A run that is stopped again and again ends with an undisturbed one's bytes.
  /// - Parameters:
  ///   - firstStop: looks at the stop request until it is there, the first time.
  ///   - step: so many more the next time.
  private func expectUndisturbed(
    firstStop: Int = 12, step: Int = 8, _ change: (inout TrainOptions) -> Void
  ) throws {
    let world = try TestWorld.all
    let folder = try SharedFolder(world)
    let undisturbed = options(folder.path + "/undisturbed", change)
    #expect(try train(undisturbed) == .done)
    let disturbed = options(folder.path + "/disturbed", change)
    var stops = 0
    while try train(disturbed, StopSwitch(afterPolls: firstStop + step * stops)) == .stoppedEarly {
      stops += 1
      try #require(stops < 1000)
    }
    #expect(stops >= 3)
    if world.rank == 0 {
      try expectSameRun(RunFolder(folder.path + "/undisturbed"), RunFolder(folder.path + "/disturbed"))
      let left = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/disturbed/checkpoint")
      #expect(left.sorted() == ["files.json", "lock"])
    }
    try world.barrier()
  }

  /// Only one rank is asked to stop: all do.
  @Test func oneRankIsEnough() throws {
    let world = try TestWorld.all
    let folder = try SharedFolder(world)
    let stop = world.rank == world.size - 1 ? StopSwitch(afterPolls: 60) : StopSwitch()
    #expect(try train(options(folder.path + "/run") { $0.tolerance = 1e-6 }, stop) == .stoppedEarly)
    #expect(try train(options(folder.path + "/run") { $0.tolerance = 1e-6 }) == .done)
  }

  // MARK: - Damage

  /// A run that was stopped in mid-layer, after the first, with two states; rank 0 keeps a copy to begin from again and again.
  private struct StoppedRun {
    let options: TrainOptions
    let run: RunFolder
    private let copy: String

    /// *Collective.*
    init(_ options: TrainOptions, _ copy: String, _ world: Communicator) throws {
      (self.options, self.copy, run) = (options, copy, RunFolder(options.output ?? ""))
      if world.rank == 0 { try FileManager.default.copyItem(atPath: run.path, toPath: copy) }
      try world.barrier()
    }

    /// *Collective.* As it was left.
    func restore(_ world: Communicator) throws {
      try world.barrier()
      if world.rank == 0 {
        try FileManager.default.removeItem(atPath: run.path)
        try FileManager.default.copyItem(atPath: copy, toPath: run.path)
      }
      try world.barrier()
    }
  }

  /// *Collective.* Runs until it is stopped so.
  private func stopped(_ folder: SharedFolder) throws -> StoppedRun {
    let world = try TestWorld.all
    let options = options(folder.path + "/run") { $0.checkpointEvery = 1e-3 }
    let run = RunFolder(folder.path + "/run")
    let states = CheckpointFolder(run)
    for polls in stride(from: 100, to: 10_000, by: 50) {
      try #require(try train(options, StopSwitch(afterPolls: polls)) == .stoppedEarly)
      let wanted = [run.layer(1), states.latest, states.previous]
      let isThere = wanted.allSatisfy { FileManager.default.fileExists(atPath: $0) }
      if try world.broadcast(isThere ? 1 : 0, from: 0) == 1 {
        return try StoppedRun(options, folder.path + "/stopped", world)
      }
    }
    throw InputError("never stopped inside the second layer")
  }

  private func change(_ path: String, _ world: Communicator, _ body: (inout Data) -> Void) throws {
    if world.rank == 0 {
      var data = try Data(contentsOf: URL(fileURLWithPath: path))
      body(&data)
      try data.write(to: URL(fileURLWithPath: path))
    }
    try world.barrier()
  }

  enum Damage: CaseIterable {
    case stateFlipped, stateCut, allStates, layerFlipped, layerCut, lineFlipped, lineCut, ledgerGone, model
  }

  private func damage(_ damage: Damage, _ run: RunFolder, _ world: Communicator) throws {
    let states = CheckpointFolder(run)
    switch damage {
    case .stateFlipped: try change(states.latest, world) { $0[$0.count / 2] ^= 4 }
    case .stateCut: try change(states.latest, world) { $0 = $0.dropLast(100) }
    case .allStates:
      try change(states.latest, world) { $0[20] ^= 1 }
      try change(states.previous, world) { $0[$0.count - 1] ^= 128 }
    case .layerFlipped: try change(run.layer(1), world) { $0[$0.count - 9] ^= 1 }
    case .layerCut: try change(run.layer(1), world) { $0 = $0.prefix(1000) }
    case .lineFlipped: try change(run.metrics, world) { $0[40] ^= 1 }
    case .lineCut: try change(run.metrics, world) { $0 = $0.dropLast(7) }
    case .ledgerGone: try change(states.manifest, world) { $0 = Data("{".utf8) }
    case .model: try change(run.model, world) { $0[$0.count / 2] ^= 1 }
    }
  }

  /// Whatever is damaged is found, left out, and recomputed: the end is the undisturbed run's.
  @Test func damaged() throws {
    let world = try TestWorld.all
    let folder = try SharedFolder(world)
    let whole = RunFolder(folder.path + "/undisturbed")
    #expect(try train(options(whole.path) { _ in }) == .done)
    let stopped = try stopped(folder)
    // The model comes last: it needs a run that is finished, as the case before it has left it.
    for kind in Damage.allCases {
      if kind != .model { try stopped.restore(world) }
      try damage(kind, stopped.run, world)
      #expect(try train(stopped.options) == .done, "\(kind)")
      if world.rank == 0 { try expectSameRun(whole, stopped.run, "\(kind)") }
      try world.barrier()
    }
    try stopped.restore(world)
    try refusesOtherOptions(stopped)
  }

  private func refusesOtherOptions(_ stopped: StoppedRun) throws {
    var other = stopped.options
    other.ridge = 0.5
    var refusal: (any RankError)?
    do { _ = try train(other) } catch { refusal = error as? any RankError }
    let error = try #require(refusal)
    #expect(error.exitStatus == 2 && error.sentence.contains("--ridge 0.5") && error.sentence.contains("--ridge 0.001"))
    // Where and how fast may change.
    other = stopped.options
    (other.checkpointEvery, other.allowUnconverged, other.memory) = (600, true, 1 << 30)
    #expect(try train(other) == .done)
  }
}
