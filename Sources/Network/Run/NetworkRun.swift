import Datasets
import Files
import LinearAlgebra
import MPI
import Runtime

/// The folder of a network's run, filled by rank 0.
struct NetworkRun {
  let folder: RunFolder

  private func onRankZero(_ world: Communicator, _ body: () throws -> Void) throws {
    try world.together { if world.rank == 0 { try body() } }
  }

  /// *Collective.* data.safetensors: what turns the file's samples into rows; run.json: the classes' names, and a table's columns.
  func saveData<T: NetworkReal>(_ samples: NetworkSamples<T>, _ world: Communicator) throws {
    try onRankZero(world) {
      let (shard, n) = (samples.shard, samples.shard.order.count)
      try folder.write(RunFacts(classNames: shard.targets.classes?.names ?? [], coding: samples.coding))
      let writer = try SafetensorsWriter(
        folder.data,
        [
          TensorInfo("order", .int64, [n]), TensorInfo("labels", .int64, [n]),
          TensorInfo("mean", .float64, [samples.features]), TensorInfo("scale", .float64, [samples.features]),
        ],
        metadata: RunFormat.metadata.merging(
          RunFolder.metadata(shard.targets, firstIndex: samples.firstIndex)
        ) { $1 }.merging(RunFolder.metadata(sampleShape: samples.sampleShape)) { $1 })
      try writer.append(shard.order)
      try writer.append(shard.labels)
      try writer.append(shard.standardisation.mean)
      try writer.append(shard.standardisation.scale)
      try writer.finish()
      try note(RunFolder.dataName)
    }
  }

  /// *Collective.* weights/NNNN.safetensors.
  func saveWeights<T: NetworkReal>(
    of epoch: Int, _ weights: NetworkWeights<T>, _ measured: NetworkMeasurement<T>.Result?, _ context: Context
  ) throws {
    try onRankZero(context.world) {
      let name = RunFolder.weightsName(epoch)
      try weights.write(to: folder.path + "/" + name, measured, context.pool)
      try note(name)
    }
  }

  /// *Collective.* model.safetensors: the network as training left it.
  func saveModel<T: NetworkReal>(_ weights: NetworkWeights<T>, _ world: Communicator) throws {
    try onRankZero(world) {
      try weights.write(to: folder.model)
      try note(RunFolder.modelName)
    }
  }

  /// *Local: rank 0 alone.* Its checksum, for --resume.
  private func note(_ name: String) throws {
    let checkpoints = CheckpointFolder(folder)
    var manifest = Manifest(checkpoints)
    try manifest.note(name, in: folder)
    try manifest.write(checkpoints)
  }

  /// *Collective.* An epoch's line of metrics.jsonl: it is finished when that is on the disk.
  func append(_ metrics: EpochMetrics, _ world: Communicator) throws {
    try onRankZero(world) { try folder.append(Array((metrics.json.line + "\n").utf8)) }
  }

  /// *Collective.* Leaves only the first so many epochs' lines in metrics.jsonl: a line that was cut off, or will be written again, goes.
  func keepLines(_ epochs: Int, _ world: Communicator) throws {
    try onRankZero(world) {
      guard InputFile.exists(folder.metrics) else { return }
      let good = try folder.readLines().prefix(epochs).flatMap { $0 }
      guard try InputFile.contents(folder.metrics, limit: 1 << 28) != good else { return }
      try OutputFile.replace(folder.metrics, with: good)
    }
  }
}
