import Datasets
import DeepRFM
import Files
import Foundation
import Instruments
import KernelMachine
import LinearAlgebra
import MPI
import Measures
import Runtime
import Testing

/// Runs that predict values: their groups, their files, their figures, and that they go on.
@Suite(.serialized) struct ValueRunTests {
  private static let count = 60

  /// Two clusters of rows, the last of them twice each; values that are not linear in them.
  private func rows(_ count: Int = count) -> [[Double]] {
    (0..<count).map { i in
      let j = i < count - 6 ? i : i - 6
      let far = Double(j % 2)
      return [far * 80 + Double(j * 7 % 11), far * 9 + Double(j * 5 % 13) / 10, far * 120 + Double(j * j % 17)]
    }
  }

  private func value(_ row: [Double]) -> Double { row[0] * 0.3 + row[1] * row[1] - row[2] * 0.05 + 100 }

  private func samples(_ count: Int = count, constant: Bool = false) -> MadeSamples {
    let rows = rows(count)
    return MadeSamples(
      rows: rows,
      labels: rows.map { constant ? .row([value($0), 7.25, -$0[2]]) : .number(value($0)) })
  }

  // MARK: - Groups

  private func shard(_ groups: Int?, _ world: Communicator, _ reader: MadeSamples) throws -> TrainingShard<Double> {
    try TrainingShard<Double>(reader, grouping: RowGrouping(byDirection: false, count: groups), world: world)
  }

  /// Near rows are of one group, and the number of ranks changes neither groups nor order.
  @Test func groups() throws {
    let world = try TestWorld.all
    let alone = try world.split(color: world.rank, key: 0)
    let together = try shard(2, world, samples())
    #expect(
      together.order == (0..<Self.count).filter { $0 % 2 == together.order[0] % 2 }
        + (0..<Self.count).filter { $0 % 2 != together.order[0] % 2 })
    #expect(together.layout.classCounts == [30, 30])
    for count in [1, 2, 5, 200] {
      let (a, b) = (try shard(count, world, samples()), try shard(count, alone, samples()))
      #expect(a.order == b.order && a.layout.classCounts == b.layout.classCounts)
      #expect(a.layout.classCounts.allSatisfy { $0 > 0 } && a.layout.sampleCount == Self.count)
      #expect(a.layout.classCounts.count <= min(count, Self.count))
      #expect(try world.allGather(#require(a.values).values).flatMap { $0 } == #require(b.values).values)
      #expect(try #require(b.values).values == b.order.map { value(rows()[$0]) })
    }
    #expect(try shard(1, world, samples()).order == Array(0..<Self.count))
    #expect(try shard(nil, world, samples()).layout.classCounts == [Self.count])
  }

  /// A row that is far from all others is a group of its own; rows that are all alike are one group, however many were asked for.
  @Test func degenerateGroups() throws {
    let world = try TestWorld.all
    var far = samples().rows
    far[3] = [1e6, 0, 0]
    let lone = try shard(2, world, MadeSamples(rows: far, labels: far.map { .number(value($0)) }))
    #expect(lone.layout.classCounts.sorted() == [1, Self.count - 1])
    let pair = (0..<20).map { [Double($0 / 10), 1] }
    let few = try shard(7, world, MadeSamples(rows: pair, labels: (0..<20).map { .number(Double($0) / 8) }))
    #expect(few.layout.classCounts == [10, 10])
  }

  private func notes(_ labels: [Label]) throws -> String {
    let reader = MadeSamples(rows: labels.indices.map { [Double($0), 1] }, labels: labels)
    let notes = try TrainingShard<Float>(reader, world: TestWorld.all).notes
    return try TestWorld.all.broadcast(notes.joined(separator: "\n"), from: 0)
  }

  @Test func whatWasTakenIsSaid() throws {
    #expect(try notes((0..<100).map { Label($0 % 11) }).contains("--targets values"))
    #expect(try notes((0..<100).map { Label($0 % 10) }) == "made has whole numbers, taken as 10 classes")
    #expect(try notes(["a", "b", "c"]) == "made has labels, taken as 3 classes")
    #expect(try notes([0.5, 2, 4]) == "made has numbers from 0.5 to 4.0, taken as values")
    #expect(try notes([.row([1, 2]), .row([3, 2])]).contains("values of 2 outputs, 1 of them constant"))
    let slip = (0..<9).map { Label.row([$0 % 2 == 0 ? 1 : 0, $0 % 2 == 0 ? 0 : 1]) } + [.row([1, 1])]
    #expect(try notes(slip).contains("warning: made has") && notes(slip).contains("sample 9 is not"))
  }

  // MARK: - Against the formulas, whatever the groups

  private func training(
    _ reader: MadeSamples, groups: Int, agop: AGOPRoute = .auto
  ) throws -> (Training<Double>, Samples<Double>) {
    let world = try TestWorld.all
    var options = TrainOptions()
    (options.precision, options.quiet, options.tolerance, options.layers) = (.float64, true, 1e-11, 2)
    options.agop = agop
    let training = Training<Double>(options, try Host(surveying: world, threads: 1), world)
    let shard = try shard(groups, world, reader)
    var samples = Samples<Double>(
      layout: shard.layout, order: shard.order, standardisation: shard.standardisation, targets: shard.targets,
      rows: try centredOnClassMeans(
        shard.rows, Matrix(rows: shard.layout.classCount, columns: 3), layout: shard.layout, context: training.context),
      values: shard.values)
    try training.normalise(&samples)
    return (training, samples)
  }

  /// Coefficients and AGOP of two layers, in the file's order of samples.
  private func results(_ groups: Int, constant: Bool = false) throws -> [(
    a: [Double], agop: [Double], metrics: LayerMetrics
  )] {
    var (training, samples) = try training(samples(constant: constant), groups: groups)
    let world = try TestWorld.all
    return try (1...2).map { number in
      let layer = try training.layer(number, samples)
      var kept: KernelOperator<Double>?
      let fit = try training.fit(layer, samples, &kept)
      let agop = try training.computeAGOP(layer, samples, fit, &kept).matrix
      var metrics = try training.measure(number, samples, fit)
      let sorted = try world.allGather(fit.coefficients.values).flatMap { $0 }
      let outputs = fit.coefficients.columns
      var a = sorted
      for (position, index) in samples.order.enumerated() {
        for k in 0..<outputs { a[index * outputs + k] = sorted[position * outputs + k] }
      }
      let root = try symmetricRoot(agop, pool: training.context.pool)
      let map = FeatureMap<Double>(drawing: .relu, projection: root, width: 20, scale: 1, seed: 3, layer: number)
      try training.apply(map, to: &samples, &metrics)
      try training.normalise(&samples)
      return (a, agop.values, metrics)
    }
  }

  /// One group against several: the same coefficients, AGOP and figures but for rounding.
  @Test(arguments: [false, true]) func groupsChangeNothing(constant: Bool) throws {
    let one = try results(1, constant: constant)
    for groups in [2, 7, Self.count] {
      for (a, b) in zip(try results(groups, constant: constant), one) {
        #expect(relativeError(a.agop, b.agop) < 1e-9)
        // The solver stops at 1e-11 of |Y|, and K + ridge I has a condition of at most N / ridge.
        #expect(relativeError(a.a, b.a) < 1e-11 * Double(Self.count) / 1e-3)
        #expect(abs(a.metrics.rmse.train / b.metrics.rmse.train - 1) < 1e-6)
        #expect(constant ? a.metrics.r2.train.isNaN : a.metrics.r2.train > 0.999)
      }
    }
  }

  /// Blocks of directions wider than the system has rows.
  @Test(arguments: [AGOPRoute.class, .gram]) func moreOutputsThanSamples(route: AGOPRoute) throws {
    let (count, outputs) = (5, 12)
    let values = Matrix<Double>(rows: count, columns: outputs)
    values.fill { i, k in
      let integer: Int = (i * 7 + k * k * 3) % 11 + i * k % 5
      return Double(integer)
    }
    let labels: [Label] = (0..<count).map { .row(Array(values.row($0))) }
    // Further ones would be copies.
    let reader = MadeSamples(rows: Array(rows(count + 6).prefix(count)), labels: labels)
    let world = try TestWorld.all
    let (training, samples) = try training(reader, groups: 1, agop: route)
    let layer = try training.layer(1, samples)
    var kept: KernelOperator<Double>?
    let fit = try training.fit(layer, samples, &kept)
    let agop = try training.computeAGOP(layer, samples, fit, &kept).matrix

    func whole(_ own: Matrix<Double>, columns: Int) throws -> Matrix<Double> {
      Matrix(rows: count, columns: columns, try world.allGather(own.values).flatMap { $0 })
    }
    let x = try whole(samples.rows.assembled(), columns: 3)
    let kernel = Kernel(.laplace, bandwidth: 2)
    let y = Matrix<Double>(rows: count, columns: outputs)
    for k in 0..<outputs {
      var (sum, squares) = (0.0, 0.0)
      for i in 0..<count { sum += values[i, k] }
      let mean = sum / Double(count)
      for i in 0..<count { squares += (values[i, k] - mean) * (values[i, k] - mean) }
      let scale = (squares / Double(count - 1)).squareRoot()
      for (i, index) in samples.order.enumerated() { y[i, k] = (values[index, k] - mean) / scale }
    }
    let a = try Reference.solution(Reference.kernel(kernel, x, x), ridge: 1e-3, y)
    let m = Reference.agop(kernel, x, a)
    let largest = m.buffer.max() ?? 0
    for k in 0..<m.count { m.pointer[k] /= largest }
    // As for `groupsChangeNothing`.
    #expect(relativeError(try whole(fit.coefficients, columns: outputs), a) < 1e-11 * Double(count) / 1e-3)
    #expect(relativeError(agop, m) < 1e-6)
  }

  /// A constant output has no coefficients and does not touch the others' AGOP.
  @Test func constantOutput() throws {
    let a = try results(2, constant: true)[0].a
    #expect(stride(from: 1, to: a.count, by: 3).allSatisfy { a[$0] == 0 })
    #expect(a[0] != 0 && a[2] != 0)
  }

  // MARK: - Whole runs

  private func train(_ folder: String, _ world: Communicator, _ change: (inout TrainOptions) -> Void = { _ in }) throws
    -> RunFolder
  {
    var options = TrainOptions()
    (options.dataset, options.data, options.layers, options.width) = (.libsvm, folder, 2, 16)
    (options.output, options.quiet) = ("\(folder)/run", true)
    change(&options)
    try DeepRFM.train(options, host: Host(surveying: world, threads: 1), world: world)
    try world.barrier()
    return RunFolder("\(folder)/run")
  }

  /// The file that predict writes, (rows x outputs).
  private func predict(
    _ run: RunFolder, _ folder: String, _ world: Communicator, layer: Int? = nil, of split: Split = .test
  ) throws -> [Double] {
    var options = PredictOptions()
    (options.model, options.dataset, options.data, options.layer) = (run.path, .libsvm, folder, layer)
    (options.output, options.split) = ("\(folder)/p.npy", split)
    #expect(try DeepRFM.predict(options, world: world) == .done)
    try world.barrier()
    let outputs = try NPYFile.read("\(folder)/p.npy")
    #expect(outputs.shape.count == 2 && outputs.shape[1] == 1)
    try world.barrier()
    return outputs.values
  }

  private func text(_ range: Range<Int>) -> String {
    range.map { "\(Double($0) * 0.37) 1:\($0 % 7) 2:\($0 % 5)\n" }.joined()
  }

  /// F11: sixty different real labels. Every layer predicts as it did in training, in the values' own units.
  @Test(arguments: Precision.allCases) func realLabels(precision: Precision) throws {
    try withFolder(["train": text(0..<60), "test": text(7..<25)]) { folder, world in
      let run = try train(folder, world) { $0.precision = precision }
      let truth = (7..<25).map { Double($0) * 0.37 }
      let mean = truth.reduce(0, +) / 18
      for metrics in try run.readMetrics() {
        #expect(metrics.predictsValues && metrics.rmse.train.isFinite)
        let outputs = try predict(run, folder, world, layer: metrics.layer)
        let errors = zip(outputs, truth).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        let spread = truth.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        let bound = precision == .float64 ? 1e-9 : 1e-3
        #expect(abs((errors / 18).squareRoot() / (metrics.rmse.test ?? .nan) - 1) < bound)
        // An error of e in the RMSE is one of 2 e in its square.
        #expect(abs(1 - errors / spread - (metrics.r2.test ?? .nan)) < 3 * bound * errors / spread)
      }
      let file = try SafetensorsFile(run.data)
      #expect(try abs(file.read("targetMean", as: Double.self)[0] - 0.37 * 29.5) < 1e-12)
      #expect(try file.read("targets", as: Double.self).sorted() == (0..<60).map { Double($0) * 0.37 })
      let line = try run.readLines()[0]
      let json = try JSON(parsing: line)
      #expect(json["nc1"] == nil && json["accuracy"] == nil && json["meanSquaredError"] == nil && json["r2"] != nil)
    }
  }

  /// Samples that are held out choose the layer, and tune's combination, with the least error.
  @Test func leastErrorIsChosen() throws {
    try withFolder(["train": text(0..<60), "test": text(7..<25)]) { folder, world in
      func change(_ options: inout TrainOptions) {
        (options.validation, options.layers, options.precision, options.ridge) = (15, 3, .float64, 1e-3)
        (options.dataset, options.data, options.width, options.quiet) = (.libsvm, folder, 16, true)
      }
      let run = try train(folder, world, change)
      let data = try run.readData()
      #expect(data.validationOrder.count == 15 && data.order.count == 45)
      let errors = try run.readMetrics().map { try #require($0.rmse.validation) }
      let least = try #require(errors.min())
      #expect(try run.readFacts()?.selectedLayer == (errors.firstIndex(of: least) ?? -1) + 1)
      let predicted = try predict(run, folder, world, of: .train)
      let squares = data.validationOrder.map {
        (predicted[$0] - Double($0) * 0.37) * (predicted[$0] - Double($0) * 0.37)
      }
      #expect(abs((squares.reduce(0, +) / 15).squareRoot() / least - 1) < 1e-9)
      let json = try JSON(parsing: run.readLines()[0])
      #expect(json["measures"] == nil && json["balancedAccuracy"] == nil && json["accuracy"] == nil)
      #expect(try run.readConfusion(1) == nil)

      var options = TuneOptions()
      change(&options.train)
      (options.train.output, options.ridges, options.depths) = ("\(folder)/tune", ["1", "1e-3"], ["1", "3"])
      #expect(try tune(options, host: Host(surveying: world, threads: 1), world: world) == .done)
      try world.barrier()
      let lines = TuneLine.ranked(try RunFolder("\(folder)/tune").readCombinations())
      let figures = lines.compactMap { $0.figure("rmse", "validation") }
      #expect(figures.count == 4 && figures == figures.sorted())
      #expect(figures.contains { abs($0 / least - 1) < 1e-9 })
    }
  }

  @Test func refusals() throws {
    try withFolder(["train": "0.5 1:1\n0.5 1:2\n0.5 1:3\n"]) { folder, world in
      expectRefusal("nothing to learn") { _ = try train(folder, world) }
      #expect(!FileManager.default.fileExists(atPath: "\(folder)/run"))
    }
    try withFolder(["train": "0.5 1:1\n"]) { folder, world in
      expectRefusal("nothing to learn") { _ = try train(folder, world) }
    }
    try withFolder(["train": text(0..<30)]) { folder, world in
      expectRefusal("--targets values") { _ = try train(folder, world) { $0.targets = .classes } }
    }
  }

  /// Digits as numbers: the official labels are values where the user says so, and go on as any run.
  @Test func digitsAsValues() throws {
    try withFolder([:]) { folder, world in
      let run = try train(folder, world) {
        ($0.dataset, $0.data, $0.targets) = (.digits, nil, .values)
        ($0.samples, $0.testSamples, $0.width) = (200, 50, 32)
      }
      let metrics = try run.readMetrics()
      #expect(metrics.count == 2 && metrics.allSatisfy { $0.predictsValues && ($0.r2.test ?? -1) > 0.3 })
      let shown = try SafetensorsFile(run.layer(1))
      #expect(try shown.tensor("shownTargets").shape == [50, 1] && shown.tensor("shownOutputs").shape == [50, 1])
      #expect(
        try shown.read("shownTargets", as: Double.self)
          == Digits().labels(first: 250).suffix(50).map { Double($0.name) ?? .nan })
    }
  }
}
