import Files
import KernelMachine
import LinearAlgebra
import Measures
import Runtime

/// The training rows of a run as one of its layers gets them: what that layer's predictor calls its centers.
public struct LayerRows {
  /// This rank's, class-sorted.
  public let rows: any RowSource
  /// Of the own rows: places in `classNames`.
  public let labels: [Int]
  public let classNames: [String]
  /// Over all ranks.
  public let count: Int

  /// *Collective.* Read where the run stores them, else made again from the training samples. Throws `InputError`.
  /// - Parameter layer: from 1; nil: the one that predict uses.
  public init(of run: String, layer: Int?, context: Context) throws {
    var options = PredictOptions()
    options.model = run
    options.layer = layer
    let prediction = try Prediction(options, context.host, context.world)
    guard let classes = prediction.model.targets.classes else {
      throw InputError("\(run) predicts values: it has no classes that could collapse")
    }
    let centers = try prediction.loadCenters()
    rows = CentredRows(centers)
    labels = centers.segments.flatMap { [Int](repeating: $0.centre, count: $0.rows.count) }
    classNames = classes.names
    count = prediction.layout.sampleCount
  }
}
