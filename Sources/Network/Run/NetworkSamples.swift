import Datasets
import Files
import LinearAlgebra
import MPI
import Runtime

/// What a network learns from: every rank's shard of the training samples, and its share of the test samples.
package struct NetworkSamples<T: NetworkReal> {
  package let shard: TrainingShard<T>
  /// nil: there are none, or none whose labels are known.
  let test: TestShard<T>?
  /// LIBSVM: index of the first feature in the files.
  let firstIndex: Int
  /// csv: how the files' columns are features.
  let coding: TableCoding?
  /// A sample's dimensions, where the file tells them.
  package let sampleShape: [Int]?
  /// Classes of this rank's rows: of the shard, and of the test samples.
  let labels: [Int32]
  let testLabels: [Int32]

  var layout: Layout { shard.layout }
  var features: Int { shard.rows.columns }

  /// *Collective.* Opens the data set and reads each rank's part. Throws `InputError`, the same on all ranks.
  /// - Parameter isNew: the run's directory has still to be made.
  package init(_ options: NetworkOptions, isNew: Bool, _ context: Context, _ progress: Progress) throws {
    progress.begin("reading \(options.dataset.rawValue)")
    defer { progress.endPhase() }
    let (world, host) = (context.world, context.host)
    let copies = try SampleCopies(of: options.data, hostName: host.name, world: world)
    let dataset = try world.together {
      if isNew, world.rank == 0, let output = options.output { try RunFolder.check(output) }
      return try copies.reading {
        try Dataset.open(
          options.dataset, directory: options.data, seed: options.seed, trainSamples: options.samples,
          testSamples: options.testSamples, variant: options.datasetVariant)
      }
    }
    let splits = [dataset.train, dataset.test].compactMap(\.self)
    try world.together {
      try Memory.checkSamples(
        splits, ranks: world.size, elementBytes: MemoryLayout<T>.stride, budget: NetworkMemory.budget(options, host))
      try options.checkSameImages(
        dataset.test?.sampleShape, as: dataset.train.sampleShape, features: dataset.train.featureCount)
    }
    try copies.checkSame(splits)
    let (shard, read) = try copies.reading {
      let shard = try TrainingShard<T>(dataset.train, targets: .classes, world: world)
      let test = try dataset.test.map {
        try TestShard<T>($0, shard.targets, shard.standardisation, world: world)
      }
      return (shard, test)
    }
    for note in dataset.notes + shard.notes + (read?.notes ?? []) { progress.message(printable(note)) }
    self.shard = shard
    // Nothing can be said of test samples whose labels are not known.
    test = read?.labels == nil ? nil : read
    (firstIndex, coding, sampleShape) = (dataset.firstIndex, dataset.train.coding, dataset.train.sampleShape)
    let all = shard.labels
    labels = shard.layout.shard(of: world.rank).map { Int32(all[$0]) }
    testLabels = (test?.labels ?? []).map { Int32($0) }
  }
}
