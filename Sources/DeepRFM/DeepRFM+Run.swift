import Datasets
import Files
import KernelMachine
import LinearAlgebra
import MPI
import Measures
import Runtime

/// The files of a run, written by rank 0 with what the others send it.
public struct RunRecorder<T: Real & TensorElement> {
  let directory: RunFolder
  let world: Communicator
  let layout: Layout

  public init(directory: RunFolder, world: Communicator, layout: Layout) {
    self.directory = directory
    self.world = world
    self.layout = layout
  }

  /// *Collective.* layers/NN.safetensors. - Parameter bandwidth: where it was chosen for the layer.
  public func save(
    _ layer: Int, _ agop: Matrix<Double>, _ map: LayerMap<T>, _ coefficients: Matrix<Double>,
    _ pictures: LayerPictures? = nil, bandwidth: Double? = nil
  ) throws {
    let (projection, weights, phases) = (map.projection, map.features?.weights, map.features?.phases)
    var tensors: [TensorInfo] = [
      TensorInfo("agop", .float64, [agop.rows, agop.columns]),
      TensorInfo("projection", T.tensorType, [projection.rows, projection.columns]),
    ]
    if let weights { tensors.append(TensorInfo("weights", T.tensorType, [weights.rows, weights.columns])) }
    if let phases { tensors.append(TensorInfo("phases", T.tensorType, [phases.columns])) }
    tensors += pictures?.tensors ?? []
    tensors.append(TensorInfo("coefficients", .float64, [layout.sampleCount, coefficients.columns]))
    let metadata = bandwidth.map { [RunFolder.bandwidthKey: "\($0)"] } ?? [:]
    try write(directory.layer(layer), tensors, coefficients.view, metadata) { writer in
      try writer.append(UnsafeBufferPointer(agop.buffer))
      try writer.append(UnsafeBufferPointer(projection.buffer))
      if let weights { try writer.append(UnsafeBufferPointer(weights.buffer)) }
      if let phases { try writer.append(UnsafeBufferPointer(phases.buffer)) }
      try pictures?.write(to: writer)
    }
  }

  /// *Collective.* run.json and data.safetensors: what turns the file's samples into X.
  public func saveData(_ samples: Samples<T>) throws {
    try world.together {
      guard world.rank == 0 else { return }
      try directory.write(RunFacts(classNames: samples.targets.classes?.names ?? [], coding: samples.coding))
    }
    if samples.values != nil { return try saveValueData(samples) }
    try world.together {
      guard world.rank == 0 else { return }
      let n = samples.order.count
      let heldOut = samples.validationOrder
      let standardisation = samples.standardisation
      let writer = try SafetensorsWriter(
        directory.data,
        [
          TensorInfo("order", .int64, [n]), TensorInfo("labels", .int64, [n]),
          TensorInfo("mean", .float64, [standardisation.mean.count]),
          TensorInfo("scale", .float64, [standardisation.scale.count]),
        ] + (heldOut.isEmpty ? [] : [TensorInfo(RunFolder.validationOrderName, .int64, [heldOut.count])]),
        metadata: RunFormat.metadata.merging(
          RunFolder.metadata(samples.targets, firstIndex: samples.firstIndex)
        ) { $1 })
      try writer.append(samples.order)
      try writer.append(layout.labels)
      try writer.append(standardisation.mean)
      try writer.append(standardisation.scale)
      try writer.append(heldOut)
      try writer.finish()
      try noteData()
    }
  }

  /// *Local: rank 0 alone.* The checksum of data.safetensors.
  private func noteData() throws {
    let folder = CheckpointFolder(directory)
    var manifest = Manifest(folder)
    try manifest.note(RunFolder.dataName, in: directory)
    try manifest.write(folder)
  }

  /// *Collective.* data.safetensors where values are predicted: also these, and what scales them.
  private func saveValueData(_ samples: Samples<T>) throws {
    guard let values = samples.values, let scale = samples.targets.values else { return }
    let (n, standardisation, heldOut) = (samples.order.count, samples.standardisation, samples.validationOrder)
    let tensors = [
      TensorInfo("order", .int64, [n]), TensorInfo("groups", .int64, [n]),
      TensorInfo("mean", .float64, [standardisation.mean.count]),
      TensorInfo("scale", .float64, [standardisation.scale.count]),
      TensorInfo("targetMean", .float64, [scale.outputs]), TensorInfo("targetScale", .float64, [scale.outputs]),
    ]
    let held = heldOut.isEmpty ? [] : [TensorInfo(RunFolder.validationOrderName, .int64, [heldOut.count])]
    let last = TensorInfo("targets", .float64, [n, scale.outputs])
    let metadata = RunFolder.metadata(samples.targets, firstIndex: samples.firstIndex)
    try write(directory.data, tensors + held + [last], values.view, metadata) { writer in
      try writer.append(samples.order)
      try writer.append(layout.labels)
      for numbers in [standardisation.mean, standardisation.scale, scale.mean, scale.scale] {
        try writer.append(numbers)
      }
      try writer.append(heldOut)
    }
    try world.together { if world.rank == 0 { try noteData() } }
  }

  /// *Collective.* model.safetensors: the chosen layer's X, as the kernel sees it, and its number here and in run.json. While layers
  /// are still to come it is that of the best so far: nothing is kept in memory for it.
  public func saveModel(_ samples: Samples<T>, layer: Int) throws {
    let centers = Matrix<T>(uninitialisedRows: samples.rows.rowCount, columns: samples.rows.width)
    let row = Matrix<Double>(uninitialisedRows: 1, columns: samples.rows.width)
    for segment in samples.rows.segments {
      for i in segment.rows {
        samples.rows.read(row: i, centre: segment.centre, into: row.buffer)
        for k in 0..<row.columns { centers[i, k] = T(row.pointer[k]) }
      }
    }
    try write(
      directory.model, [TensorInfo("centers", T.tensorType, [layout.sampleCount, centers.columns])], centers.view,
      [RunFolder.modelLayerKey: "\(layer)"]
    ) { _ in }
    try world.together {
      guard world.rank == 0, var facts = try directory.readFacts() else { return }
      facts.selectedLayer = layer
      try directory.write(facts)
    }
  }

  /// *Collective.* The model is as it is to be: the manifest has its checksum.
  func noteModel() throws {
    try world.together {
      guard world.rank == 0 else { return }
      let folder = CheckpointFolder(directory)
      var manifest = Manifest(folder)
      try manifest.note(RunFolder.modelName, in: directory)
      try manifest.write(folder)
    }
  }

  /// *Collective.* A line of metrics.jsonl, by rank 0: the layer is finished when it is on the disk, after the checksums of all that
  /// the layer has written.
  /// - Parameter isSelected: the layer has written the model.
  func append(_ metrics: LayerMetrics, isSelected: Bool) throws {
    try world.together {
      guard world.rank == 0 else { return }
      let folder = CheckpointFolder(directory)
      var manifest = Manifest(folder)
      try manifest.note(RunFolder.layerName(metrics.layer), in: directory)
      if !metrics.predictsValues { try manifest.note(RunFolder.confusionName(metrics.layer), in: directory) }
      if isSelected { try manifest.note(RunFolder.modelName, in: directory) }
      manifest.note(line: RunFolder.line(metrics), of: metrics.layer)
      try manifest.write(folder)
      try directory.append(metrics)
    }
  }

  /// *Collective.* A file whose last tensor is spread over the ranks by rows: the blocks come to rank 0 one by one.
  private func write<Element: Real & TensorElement>(
    _ path: String, _ tensors: [TensorInfo], _ last: MatrixView<Element>,
    _ metadata: [String: String] = [:], _ writeFirst: (SafetensorsWriter) throws -> Void
  ) throws {
    let writer = try world.together {
      guard world.rank == 0 else { return SafetensorsWriter?.none }
      let writer = try SafetensorsWriter(path, tensors, metadata: RunFormat.metadata.merging(metadata) { $1 })
      try writeFirst(writer)
      return writer
    }
    let own = UnsafeMutableBufferPointer(start: last.pointer, count: last.rows * last.columns)
    try world.gather(UnsafeBufferPointer(own), count: { layout.shard(of: $0).count * last.columns }) {
      try writer?.append($0)
    }
    try world.together { try writer?.finish() }
  }
}

extension Workload {
  /// Bytes of the model's rows on rank 0: its own as the kernel sees them, and another rank's on their way to the file.
  public var modelBytes: Int { width * (rows * scalarBytes * min(2, ranks) + 8) }

  /// Of the coefficients on their way to a layer's file.
  var arrivingCoefficients: Int { ranks > 1 ? 8 * rows * outputs : 0 }
}

/// What a layer file holds for the report alone. Rank 0 has it whole.
public struct LayerPictures {
  /// nil: there are no classes to be seen in them.
  let gram: GramPictures?
  /// nil: there are no values.
  let values: ShownValues?
  /// Eigenvalues of the AGOP, largest first; empty for an ablation.
  let spectrum: [Double]

  /// Rank 0's; the names are those of docs/files.md.
  var tensors: [TensorInfo] {
    let spectrum = self.spectrum.isEmpty ? [] : [TensorInfo("spectrum", .float64, [self.spectrum.count])]
    guard let gram else { return spectrum + (values?.tensors ?? []) }
    let shown = gram.sample.positions.count
    return spectrum + [
      TensorInfo("shown", .int64, [shown]),
      TensorInfo("gramInput", .float32, [shown, shown]),
      TensorInfo("gramProjected", .float32, [shown, shown]),
    ]
  }

  /// *Local: rank 0 alone.*
  func write(to writer: SafetensorsWriter) throws {
    try writer.append(spectrum)
    try values?.write(to: writer)
    guard let gram else { return }
    try writer.append(gram.sample.positions)
    try writer.append(UnsafeBufferPointer(gram.input.buffer))
    try writer.append(UnsafeBufferPointer(gram.projected.buffer))
  }
}

extension Training {
  /// *Collective.* What the report shows of a layer beside its metrics.
  func drawPictures(
    _ samples: Samples<T>, _ projection: Projection<T>, _ values: ShownValues?
  ) throws -> LayerPictures {
    let gram =
      values == nil ? try GramPictures(samples.rows, of: samples.first?.rows, projection: projection.matrix) : nil
    return LayerPictures(gram: gram, values: values, spectrum: projection.spectrum)
  }

  /// *Local.* Where the run goes: where it was told to, or into a folder of rank 0's making.
  private func outputFolder() throws -> String {
    if let output = options.output { return output }
    return world.rank == 0 ? try DefaultFolder(for: options.dataset.rawValue).path : ""
  }

  /// *Collective.* Makes the run directory, once all input was found good.
  func openRun(_ samples: Samples<T>) throws -> RunRecorder<T> {
    let path = try world.broadcast(try world.together { try outputFolder() }, from: 0)
    var used = options
    used.output = path
    let names = try world.allGather(Array(host.name.utf8)).map { String(decoding: $0, as: UTF8.self) }
    let configuration = RunConfiguration(
      options: used, ranks: world.size, threads: host.threads, hosts: Set(names).sorted(), blasKernels: host.coreName)
    try world.together { if world.rank == 0 { _ = try RunFolder.create(path, configuration) } }
    let run = RunRecorder<T>(directory: RunFolder(path), world: world, layout: samples.layout)
    try hold(run)
    try run.saveData(samples)
    return run
  }

  /// *Collective.* The layer's metrics with its times, the slowest rank's, and its memory; shows the row.
  /// - Parameter isSelected: it is the best so far.
  func finished(_ metrics: LayerMetrics, isSelected: Bool) throws -> LayerMetrics {
    var metrics = metrics
    var slowest = timer.values(of: Phase.ofLayer)
    try world.maximum(&slowest)
    metrics.seconds = LayerMetrics.Seconds(values: slowest)
    metrics.peakMemoryBytes = try world.maximum(Memory.peak)
    let isBest = isSelected && options.choice == .best
    progress.row(MetricsTable.row(metrics, isSelected: isBest), header: MetricsTable.header(metrics))
    return metrics
  }
}
