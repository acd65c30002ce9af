import Files
import KernelMachine
import LinearAlgebra
import MPI
import Runtime

extension Training {
  /// *Collective.* `train`, where to be stopped is no error.
  func trainOrStop() throws -> ExitStatus {
    do {
      try train()
      return .done
    } catch let stopped as StoppedEarly {
      progress.message("\(stopped.sentence): the same command with --resume goes on")
      return .stoppedEarly
    }
  }

  /// *Collective.* What was saved inside this layer, with the time it had taken.
  func load(_ layer: Int, _ samples: Samples<T>, _ checkpoints: LayerCheckpoints<T>) throws -> LayerState<T>? {
    let saved = try checkpoints.load(
      layer, memory: options.memory, outputs: samples.targets.outputs, rows: samples.rows)
    if let saved { timer.add(saved.seconds, of: Phase.ofLayer) }
    return saved
  }
}

// MARK: - Finding the run

extension Training {
  /// *Collective.* What an earlier job has left, with --resume: nil where there is nothing. Rank 0 looks and tells the others how
  /// many layers are finished.
  ///
  /// Throws `InputError` if what is there was begun with other options, or is no run.
  func findRun() throws -> Earlier? {
    guard options.resume, let output = options.output else { return nil }
    let found = try world.together { world.rank == 0 ? try EarlierRun(output) : nil }
    try world.together { try found?.checkOptions(options) }
    guard try world.broadcast(found == nil ? 0 : 1, from: 0) == 1 else { return nil }
    var numbers = [
      found?.finishedLayers ?? 0, found?.isFinished == true ? 1 : 0, found?.layerOfLostModel ?? 0,
    ]
    try world.broadcast(&numbers, from: 0)
    return Earlier(
      run: found, finishedLayers: numbers[0], isFinished: numbers[1] == 1,
      layerOfLostModel: numbers[2] == 0 ? nil : numbers[2])
  }

  struct Earlier {
    /// Rank 0's.
    let run: EarlierRun?
    let finishedLayers: Int
    let isFinished: Bool
    let layerOfLostModel: Int?
  }

  /// *Collective.* Opens an earlier run's directory again. Throws `InputError` if the data are not those that it was begun with.
  func reopenRun(_ earlier: Earlier, _ samples: Samples<T>) throws -> RunRecorder<T> {
    let directory = RunFolder(options.output ?? "")
    let run = RunRecorder<T>(directory: directory, world: world, layout: samples.layout)
    try hold(run)
    var hasData = false
    try world.together {
      guard let found = earlier.run else { return }
      hasData = found.hasData
      if hasData { try check(samples, against: directory) }
      try found.keepFinishedLines()
      for damage in found.damages { progress.message("\(damage): it is recomputed") }
      tell(found)
    }
    if try world.broadcast(hasData ? 1 : 0, from: 0) == 0 { try run.saveData(samples) }
    return run
  }

  private func tell(_ found: EarlierRun) {
    guard !found.isFinished else { return }
    let different = found.configuration.differences(ranks: world.size, host)
    progress.message("going on in layer \(found.finishedLayers + 1) of \(options.layers)\(different)")
  }

  /// *Local.* Throws `InputError`.
  func check(_ samples: Samples<T>, against directory: RunFolder) throws {
    let data = try directory.readData()
    guard data.order == samples.order, data.validationOrder == samples.validationOrder,
      data.labels == samples.layout.labels, data.values == samples.targets.values,
      data.standardisation.agrees(with: samples.standardisation)
    else {
      throw InputError(
        "--resume: the data are not those that the run in \(directory.path) was begun with"
          + (options.data.map { " (--data \($0))" } ?? ""))
    }
  }

  /// *Collective.* Keeps other jobs out of the run directory.
  func hold(_ run: RunRecorder<T>) throws {
    try world.together {
      guard world.rank == 0 else { return }
      let folder = CheckpointFolder(run.directory)
      try folder.make()
      lock = try folder.hold { progress.message("waiting for another job to leave \(run.directory.path)") }
    }
  }

  /// *Collective.* Takes the samples through the layers that are finished, with the maps of their files: the input of the next, to
  /// the last bit on as many ranks. On the way the model is written again, if it was lost.
  func replay(_ earlier: Earlier?, _ samples: inout Samples<T>, _ run: RunRecorder<T>) throws {
    let layers = earlier?.finishedLayers ?? 0
    guard layers > 0 else { return }
    progress.begin("going through finished layers")
    defer { progress.endPhase() }
    var ignored = LayerMetrics()
    let lost = earlier?.layerOfLostModel
    // A plain RFM's rows are the first ones times the last root.
    for layer in (options.model == .rfm && lost == nil ? layers : 1)...layers {
      try prepare(&samples)
      if layer == lost {
        try run.saveModel(samples, layer: layer)
        try run.noteModel()
      }
      try apply(try run.map(layer, width: samples.rows.width, options), to: &samples, &ignored)
      progress.advance(fraction: Double(layer) / Double(layers))
    }
  }
}

extension RunRecorder {
  /// *Collective.* A finished layer's map, from its file. Throws `InputError`.
  func map(_ layer: Int, width: Int, _ options: TrainOptions) throws -> LayerMap<T> {
    let (features, hasFeatures) = (options.features, options.model == .deepRFM)
    var file: SafetensorsFile?
    var outputWidth = 0
    try world.together {
      guard world.rank == 0 else { return }
      let opened = try directory.openLayer(layer)
      try opened.expect("projection", [width, width])
      if hasFeatures {
        outputWidth = try opened.tensor("weights").rows
        try opened.expect("weights", [outputWidth, width])
        if features == .cosine { try opened.expect("phases", [outputWidth]) }
      }
      file = opened
    }
    outputWidth = try world.broadcast(outputWidth, from: 0)
    func tensor(_ name: String, _ rows: Int, _ columns: Int) throws -> Matrix<T> {
      let matrix = Matrix<T>(uninitialisedRows: rows, columns: columns)
      try world.together {
        if let file { try file.read(name, rows: 0..<file.tensor(name).rows, into: matrix.buffer) }
      }
      try world.broadcast(matrix.buffer, from: 0)
      return matrix
    }
    let projection = try tensor("projection", width, width)
    guard hasFeatures else { return .projection(projection) }
    return .features(
      FeatureMap(
        kind: features, projection: projection, weights: try tensor("weights", outputWidth, width),
        phases: features == .cosine ? try tensor("phases", 1, outputWidth) : nil))
  }
}
