import Datasets
import Files
import LinearAlgebra
import MPI
import Runtime

/// The rows of a network's run as one of its fully-connected layers gets them, in double, and that layer: for the measures of collapse.
public struct NetworkFeatures {
  /// Some rows, spread over the ranks.
  public struct Part {
    /// This rank's, (own rows x width).
    public let rows: Matrix<Double>
    /// Of the own rows: places in `classNames`; below 0: a label that no training sample has.
    public let labels: [Int]
    /// Over all ranks.
    public let count: Int
  }

  public let training: Part
  /// nil: the run had no test samples.
  public let test: Part?
  public let classNames: [String]
  /// W of the layer, (outputs x width).
  public let weights: Matrix<Double>
  /// Behind it; nil: it is the output.
  public let activation: ActivationKind?
  /// M as the run measured it last; rank 0's, nil elsewhere, and on all ranks where `hasAGOP` is false.
  public let agop: Matrix<Double>?
  public let hasAGOP: Bool

  /// *Collective.* Makes them again from the samples. Throws `InputError`.
  /// - Parameter layer: from 1; nil: the output, whose input is the last hidden layer's output.
  public init(of run: String, layer: Int?, context: Context) throws {
    let world = context.world
    let trained = try world.together { try TrainedNetwork(run, layer: layer) }
    classNames = trained.classes.names
    training = try Self.part(.train, trained, first: trained.data.order.count, context)
    let wantsTest = try Self.hasTest(run, world)
    test = wantsTest ? try Self.part(.test, trained, first: trained.options.testSamples, context) : nil
    weights = try world.together { try trained.weights() }
    activation = trained.layer > trained.form.depth ? nil : trained.options.activation
    agop = try world.together { world.rank == 0 ? try Self.agop(run, trained) : nil }
    hasAGOP = try world.broadcast(agop == nil ? 0 : 1, from: 0) == 1
  }

  private static func part(
    _ split: Split, _ trained: TrainedNetwork, first count: Int?, _ context: Context
  ) throws -> Part {
    let options = trained.options
    let source = RowsToPredict(dataset: options.dataset, data: options.data, split: split, input: nil)
    let rows = try NetworkRows(source, first: count, isStrict: false, trained, context)
    let features = try trained.evaluate(rows.shard.rows, wantsFeatures: true, context).features
    guard let features, let labels = rows.shard.labels else {
      throw InputError("\(options.dataset.rawValue): the labels of its \(split.rawValue) samples are not known")
    }
    return Part(rows: features, labels: labels, count: rows.count)
  }

  /// *Collective.* Whether the run evaluated test samples.
  private static func hasTest(_ run: String, _ world: Communicator) throws -> Bool {
    let found = try world.together {
      world.rank == 0 ? try RunFolder(run).readEpochs().last?.accuracy.test != nil : false
    }
    return try world.broadcast(found ? 1 : 0, from: 0) == 1
  }

  /// *Local.* Of the weights that were measured last: those of the model.
  private static func agop(_ run: String, _ trained: TrainedNetwork) throws -> Matrix<Double>? {
    let folder = RunFolder(run)
    let path = folder.path + "/" + RunFolder.weightsName(trained.options.epochs - 1)
    guard trained.layer <= trained.form.depth, InputFile.exists(path) else { return nil }
    let file = try folder.openTensors(path)
    let name = "agop.\(trained.layer)"
    try file.expect(name, [trained.featureWidth, trained.featureWidth])
    return try file.matrix(name)
  }
}
