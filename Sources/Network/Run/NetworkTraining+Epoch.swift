import Files
import LinearAlgebra
import MPI
import Runtime

extension NetworkTraining {
  /// *Collective.* The network with its first weights, and all that an epoch needs. Throws `InputError`.
  func makeWork(_ samples: NetworkSamples<T>) throws -> NetworkWork<T> {
    let layout = samples.layout
    let form = try options.form(
      features: samples.features, shape: samples.sampleShape, classes: layout.classCount)
    let (budget, resident) = (
      try world.minimum(NetworkMemory.budget(options, host)), try world.maximum(Memory.used)
    )
    let testRows = try world.maximum(samples.test?.rows.rows ?? 0)
    let held = (layout.largestShard + testRows) * samples.features * MemoryLayout<T>.stride
    let (rows, memory) = try NetworkMemory.rows(
      options, form, layout, testRows: testRows, budget: budget, resident: max(0, resident - held), context,
      of: T.self)
    progress.message(memory.summary(resident: max(0, resident - held), budget: budget))
    let network = try form.network(rows: rows, context, of: T.self)
    let orders = try OrderSource.open(options, count: layout.sampleCount, world)
    try initialise(network.weights)
    return NetworkWork(samples, network, orders, options, context)
  }

  /// *Collective.* Draws the first weights, or reads them. Throws `InputError`.
  func initialise(_ weights: NetworkWeights<T>) throws {
    guard let path = options.initialWeights else { return weights.draw(seed: options.seed) }
    try world.together { if world.rank == 0 { try weights.read(SafetensorsFile(path)) } }
    try weights.broadcast(world)
  }

  /// *Collective.* The epoch's steps, from `place` on.
  func descend(_ place: inout EpochPlace, _ work: NetworkWork<T>, _ run: NetworkRun) throws {
    progress.begin(title(of: place.epoch))
    defer { progress.endPhase() }
    try timer.measure(.train) {
      let order = try work.orders.order(of: place.epoch, count: work.samples.layout.sampleCount, world)
      do {
        try work.batches.begin(order, at: place.step)
        while place.step < work.batches.count {
          let wish = try step(&place.score, work)
          place.step += 1
          progress.advance(fraction: Double(place.step) / Double(work.batches.count))
          try reached(wish, place, work, run)
        }
      } catch {
        work.batches.cancel()
        work.step.cancel()
        throw error
      }
    }
  }

  /// *Collective.* One batch: forward, and backward, while the step is made of the gradients that are whole.
  private func step(_ score: inout Score, _ work: NetworkWork<T>) throws -> Wish {
    let network = work.network
    let batch = try work.batches.take()
    let outputs = try network.forward(batch.rows, .train, batchRows: batch.batchRows)  // f
    let gradient = work.outputGradient.reshaped(rows: outputs.rows, columns: outputs.columns)
    score += options.loss.score(outputs, batch.labels, batchRows: batch.batchRows, gradient: gradient)  // dL/df
    try work.step.begin(pace.wish)
    try network.backward(gradient) { try work.step.add($0) }  // dL/dw, w <- w - lr v
    return try work.step.finish()
  }

  /// *Collective.* A safe point between two steps, or behind an epoch's last.
  private func reached(_ wish: Wish, _ place: EpochPlace, _ work: NetworkWork<T>, _ run: NetworkRun) throws {
    guard wish > .nothing else { return }
    try save(place, work, run)
    guard wish == .stop else { return }
    // What is on its way to the next batch arrives: all ranks have sent it.
    try work.batches.drain()
    throw StoppedEarly(cause: pace.stop.cause ?? .otherRank)
  }

  /// *Collective.* A safe point between two epochs.
  func saveIfDue(_ place: EpochPlace, _ work: NetworkWork<T>, _ run: NetworkRun) throws {
    guard place.epoch < options.epochs else { return }
    let wish = try world.agree(pace.wish).wish
    guard wish > .nothing else { return }
    timer.restart()
    try save(place, work, run)
    if wish == .stop { throw StoppedEarly(cause: pace.stop.cause ?? .otherRank) }
  }

  /// *Collective.* All ranks' scores as one.
  func total(_ score: Score) throws -> Score {
    var values = score.values
    try world.sum(&values)
    return Score(values)
  }

  /// *Collective.* Whether loss and weights are finite, on rank 0, which decides.
  func isFinite(_ loss: Double, _ work: NetworkWork<T>) throws -> Bool {
    let own = world.rank > 0 || (loss.isFinite && work.network.weights.areFinite)
    return try world.broadcast(own ? 1 : 0, from: 0) == 1
  }

  /// *Collective.* Loss and accuracies of the network as it is. Whoever stops here evaluates again when it goes on.
  func evaluate(
    _ place: EpochPlace, _ work: NetworkWork<T>, _ run: NetworkRun, _ metrics: inout EpochMetrics
  ) throws {
    let samples = work.samples
    let ask = { try self.reached(self.world.agree(self.pace.wish).wish, place, work, run) }
    let most = samples.layout.largestShard
    let train = try total(score(samples.shard.rows, samples.labels, most: most, work, ask))
    metrics.accuracy.train = train.accuracy
    guard let test = samples.test else { return }
    let mostTest = try world.maximum(test.rows.rows)
    let found = try total(score(test.rows, samples.testLabels, most: mostTest, work, ask))
    metrics.accuracy.test = found.accuracy
    metrics.loss.test = found.meanLoss
  }

  /// *Collective.* Of some rows of this rank, of which another may have more, with safe points on the way.
  private func score(
    _ rows: Matrix<T>, _ labels: [Int32], most: Int, _ work: NetworkWork<T>, _ ask: () throws -> Void
  ) throws -> Score {
    var score = Score()
    try work.network.evaluate(rows, most: most, between: ask) { block, outputs in
      labels.withUnsafeBufferPointer { labels in
        if let start = labels.baseAddress { score += options.loss.score(outputs, start + block.lowerBound) }
      }
    }
    return score
  }

  /// *Collective.* What is measured of the network as it is.
  func measure(_ place: EpochPlace, _ work: NetworkWork<T>, _ run: NetworkRun) throws -> NetworkMeasurement<T>.Result {
    progress.begin("epoch \(place.epoch) of \(options.epochs), measuring")
    defer { progress.endPhase() }
    let samples = work.samples
    let measurement = NetworkMeasurement(
      work.network, samples.layout, withConvolutions: options.measure == .convolutions, context)
    return try samples.labels.withUnsafeBufferPointer { labels in
      // A rank without rows has no labels to point to.
      let none = UnsafeMutablePointer<Int32>.allocate(capacity: 1)
      defer { none.deallocate() }
      return try measurement.measure(samples.shard.rows, labels.baseAddress ?? UnsafePointer(none)) { fraction in
        progress.advance(fraction: fraction)
        guard try world.agree(pace.stop.isRequested ? .stop : .nothing).wish == .stop else { return }
        try save(place, work, run)
        throw StoppedEarly(cause: pace.stop.cause ?? .otherRank)
      }
    }
  }
}

extension NetworkWeights {
  /// Whether all parameters are finite. *Local.*
  var areFinite: Bool { values.buffer.allSatisfy(\.isFinite) }
}
