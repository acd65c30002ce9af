import Datasets
import Files
import KernelMachine
import LinearAlgebra
import MPI
import Measures
import Runtime

/// What passes from layer to layer: every rank's shard of the training samples, and its share of the test samples.
public struct Samples<T: Real> {
  public internal(set) var layout: Layout
  /// Whether equal samples were looked for: before the first layer's kernel.
  var knowsCopies = false
  /// Class-sorted position -> position in the file.
  public let order: [Int]
  public let standardisation: Standardisation
  public let targets: Targets
  /// LIBSVM: index of the first feature in the files.
  let firstIndex: Int
  /// csv: how the files' columns are features.
  let coding: TableCoding?
  /// X, own rows as deviations from the class means.
  public var rows: Rows<T>
  var test: HeldOut<T>?
  /// `--model rfm`: the first rows, once they are normalised or need not be.
  var first: FirstRows<T>?
  /// Of the training samples' file; the layers are chosen by them.
  var validation: HeldOut<T>?
  /// Positions of the validation samples in the file, all of them, ascending.
  var validationOrder: [Int] = []
  /// Own rows' values in their own units, (own rows x outputs); nil: classes.
  public let values: Matrix<Double>?

  public init(
    layout: Layout, order: [Int], standardisation: Standardisation, targets: Targets, firstIndex: Int = 1,
    coding: TableCoding? = nil, rows: Rows<T>, values: Matrix<Double>? = nil
  ) {
    self.layout = layout
    self.order = order
    self.standardisation = standardisation
    self.targets = targets
    self.firstIndex = firstIndex
    self.coding = coding
    self.rows = rows
    self.values = values
  }

  /// Rows that are no training samples, of the rank that has most.
  func heldOutRows(ranks: Int) -> Int {
    [test, validation].reduce(0) { $0 + (($1?.count ?? 0) + ranks - 1) / ranks }
  }

  /// *Local.* A step of the rows that are no training samples.
  mutating func changeHeldOut(_ step: (GroupedRows<T>) -> GroupedRows<T>) {
    if let rows = test?.rows { test?.rows = step(rows) }
    if let rows = validation?.rows { validation?.rows = step(rows) }
  }

  /// What the predictor's outputs say, (rows x outputs): values in their own units.
  func inOwnUnits(_ outputs: Matrix<Double>) -> Matrix<Double> { targets.values?.inOwnUnits(outputs) ?? outputs }

  /// What is known of this rank's rows.
  var trainTargets: KnownTargets { values.map { .values($0) } ?? .classes(labels) }

  /// This rank's labels, or groups.
  public var labels: [Int] { rows.segments.flatMap { [Int](repeating: $0.centre, count: $0.rows.count) } }
}

/// Samples that a predictor did not see: each rank its share, in the file's order.
struct HeldOut<T: Real> {
  var rows: GroupedRows<T>
  /// Of the own rows.
  let known: KnownTargets
  /// Over all ranks.
  let count: Int

  /// Of the own rows, a class or `Classes.unseen`; empty: values.
  var labels: [Int] { known.labels ?? [] }

  /// nil: nothing can be said of samples whose labels are not known.
  init?(_ shard: TestShard<T>, layout: Layout, context: Context) {
    guard let known = shard.known else { return nil }
    rows = GroupedRows(shard.rows, layout: layout, context: context)
    self.known = known
    count = shard.sampleCount
  }
}

extension Training {
  /// *Collective.* Opens the data set and reads each rank's part.
  /// - Parameter isNew: the run's directory has still to be made.
  public func loadSamples(isNew: Bool = true) throws -> Samples<T> {
    progress.begin("reading \(options.dataset.rawValue)")
    defer { progress.endPhase() }
    let copies = try SampleCopies(of: options.data, hostName: host.name, world: world)
    let opened = try world.together {
      if isNew, world.rank == 0, let output = options.output { try RunFolder.check(output) }
      return try copies.reading { try open(holdingOut: nil) }
    }
    let splits = [opened.train, opened.test].compactMap(\.self)
    let room = options.memory ?? Memory.available / 10 * 9 / host.ranksOnNode
    try world.together {
      try Memory.checkSamples(splits, ranks: world.size, elementBytes: MemoryLayout<T>.stride, budget: room)
    }
    try copies.checkSame(splits)
    let (dataset, kind) = try copies.reading { try holdOut(opened) }
    let (shard, test, validation) = try copies.reading {
      let grouping = RowGrouping(seed: options.seed, byDirection: options.normalise == .rows, count: groupCount)
      let shard = try TrainingShard<T>(dataset.train, targets: kind, grouping: grouping, world: world)
      func heldOut(_ reader: any SampleReader) throws -> TestShard<T> {
        try TestShard(reader, shard.targets, shard.standardisation, isStrict: options.strict, world: world)
      }
      return (shard, try dataset.test.map(heldOut), try dataset.validation.map(heldOut))
    }
    guard options.classWeights == .none || shard.targets.classes != nil else {
      throw InputError("--class-weights goes with classes, and values are predicted")
    }
    for note in dataset.notes + shard.notes + (test?.notes ?? []) { progress.message(printable(note)) }
    let origin = Matrix<Double>(rows: shard.layout.classCount, columns: shard.rows.columns)
    var samples = Samples(
      layout: shard.layout, order: shard.order, standardisation: shard.standardisation,
      targets: shard.targets, firstIndex: dataset.firstIndex, coding: dataset.train.coding,
      rows: try centre(shard.rows, near: origin, shard.layout), values: shard.values)
    samples.test = test.flatMap { HeldOut($0, layout: shard.layout, context: context) }
    samples.validation = validation.flatMap { HeldOut($0, layout: shard.layout, context: context) }
    samples.validationOrder =
      dataset.validation.map { reader in
        (0..<reader.sampleCount).map(reader.place(ofSample:))
      } ?? []
    return samples
  }

  /// *Local.*
  private func open(holdingOut split: ValidationSplit?) throws -> Dataset {
    try Dataset.open(
      options.dataset, directory: options.data, seed: options.seed, trainSamples: options.samples,
      testSamples: options.testSamples, variant: options.datasetVariant, holdingOut: split)
  }

  /// *Collective.* The data set without its validation samples among the training samples, and what its labels are taken for: rank 0
  /// decides by all of them, and draws.
  private func holdOut(_ dataset: Dataset) throws -> (dataset: Dataset, kind: TargetKind) {
    guard options.validation > 0 else { return (dataset, options.targets) }
    var (chosen, predictsValues) = try world.together {
      guard world.rank == 0 else { return ([Int](), 0) }
      let labels = try dataset.train.labels(first: dataset.train.sampleCount)
      let isValued = options.targets.decided(for: labels, dataset.train) == .values
      let groups = isValued ? labels.map { _ in 0 } : try dataset.classes().numbers(of: labels)
      return (try ValidationSplit(options.validation, of: groups, seed: options.seed).validation, isValued ? 1 : 0)
    }
    try world.broadcast(&chosen, from: 0)
    predictsValues = try world.broadcast(predictsValues, from: 0)
    let split = ValidationSplit(validation: chosen, of: dataset.train.sampleCount)
    let held =
      dataset.train.coding?.isOfRows != true
      ? dataset.holdingOut(split) : try world.together { try open(holdingOut: split) }
    return (held, predictsValues == 1 ? .values : .classes)
  }

  /// *Collective.* What a layer does first: rows are divided by their norms where the options say so, a plain RFM's once. Test rows go to
  /// the nearest class mean.
  public func prepare(_ samples: inout Samples<T>) throws {
    guard samples.first == nil else { return }
    if options.normalise == .rows {
      try normalise(&samples)
    } else {
      try findCopies(&samples)
      let rows = samples.rows
      samples.changeHeldOut { $0.regrouped(to: rows) }
    }
    if options.model == .rfm {
      samples.first = FirstRows(
        rows: samples.rows, test: samples.test?.rows, validation: samples.validation?.rows)
    }
  }

  /// *Collective.* Every row divided by its norm. Test rows go to the nearest class mean.
  public func normalise(_ samples: inout Samples<T>) throws {
    let unit = samples.rows.normalised()
    samples.rows = try centre(unit.deviations, near: unit.centres, samples.layout)
    try findCopies(&samples)
    let rows = samples.rows
    samples.changeHeldOut { $0.normalised().regrouped(to: rows) }
  }

  /// *Collective.* Looks for equal samples, before the first layer's kernel.
  private func findCopies(_ samples: inout Samples<T>) throws {
    guard !samples.knowsCopies else { return }
    samples.layout = samples.layout.with(copies: try Copies.find(in: samples.rows, seed: options.seed))
    samples.rows = samples.rows.with(samples.layout)
    samples.knowsCopies = true
  }

  /// *Local.* What ends a layer behind its root or an ablation's matrix.
  func layerMap(_ layer: Int, _ projection: Matrix<T>) -> LayerMap<T> {
    guard options.model == .deepRFM else { return .projection(projection) }
    return .features(
      FeatureMap(
        drawing: options.features, projection: projection, width: options.width, scale: options.featureScale,
        seed: options.seed, layer: layer))
  }

  /// *Collective.* Makes the next layer's rows, and notes what they look like.
  public func apply(_ map: LayerMap<T>, to samples: inout Samples<T>, _ metrics: inout LayerMetrics) throws {
    switch map {
    case .features(let map): try apply(map, to: &samples, &metrics)
    case .projection(let r):
      try project(&samples, by: r)
      metrics.outputWidth = r.columns
      guard samples.targets.classes != nil else { return }
      let scatter = try timer.measure(.communication) { try world.sum(samples.rows.scatter) }
      let layout = samples.layout
      metrics.nc1.projected = nc1(scatter: scatter, means: samples.rows.centres, layout: layout)
      metrics.nc2.projected = nc2(means: samples.rows.centres, layout: layout)
      // No features: what is projected is the next layer's input.
      (metrics.nc1.mapped, metrics.nc2.mapped) = (metrics.nc1.projected, metrics.nc2.projected)
    }
  }

  /// *Collective.* U <- X R, X the first rows.
  func project(_ samples: inout Samples<T>, by r: Matrix<T>) throws {
    guard let first = samples.first else { preconditionFailure("a plain RFM's first rows are not prepared") }
    let image = first.rows.projected(by: r)
    samples.rows = try centre(image.deviations, near: image.centres, samples.layout)
    let rows = samples.rows
    if let test = first.test { samples.test?.rows = test.projected(by: r).regrouped(to: rows) }
    if let held = first.validation { samples.validation?.rows = held.projected(by: r).regrouped(to: rows) }
    samples.first?.projection = r
  }

  /// *Collective.* Maps all rows to the next layer's X, and notes what the projection and the features look like.
  public func apply(_ map: FeatureMap<T>, to samples: inout Samples<T>, _ metrics: inout LayerMetrics) throws {
    if samples.targets.classes != nil {
      try timer.measure(.metrics) { try measureCollapse(ofProjected: samples, by: map.projection, into: &metrics) }
    }
    let mapped = samples.rows.mapped(by: map)
    samples.rows = try centre(mapped.deviations, near: mapped.centres, samples.layout)
    samples.changeHeldOut { $0.mapped(by: map) }
    let scatters = try timer.measure(.communication) {
      var sums = [mapped.projectedScatter, samples.rows.scatter]
      try world.sum(&sums)
      return sums
    }
    metrics.outputWidth = map.outputWidth
    guard samples.targets.classes != nil else { return }
    let layout = samples.layout
    metrics.nc1.projected = nc1(scatter: scatters[0], means: mapped.projectedMeans, layout: layout)
    metrics.nc2.projected = nc2(means: mapped.projectedMeans, layout: layout)
    metrics.nc1.mapped = nc1(scatter: scatters[1], means: samples.rows.centres, layout: layout)
    metrics.nc2.mapped = nc2(means: samples.rows.centres, layout: layout)
    try timer.measure(.metrics) { try measureCollapse(ofMapped: samples, into: &metrics) }
  }

  private func centre(_ deviations: Matrix<T>, near centres: Matrix<Double>, _ layout: Layout) throws -> Rows<T> {
    try centredOnClassMeans(deviations, centres, layout: layout, context: context)
  }
}
