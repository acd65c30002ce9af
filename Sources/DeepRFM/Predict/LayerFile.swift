import MPI
import Files
import KernelMachine
import LinearAlgebra
import Runtime

/// layers/NN.safetensors of a run, open, its tensors' shapes proven to fit each other.
///
/// Everything is read in double precision, whatever precision the run had.
public struct LayerFile {
  let path: String
  let inputWidth: Int
  let outputWidth: Int
  /// N
  let samples: Int
  /// Of the predictor: classes, or values.
  let outputs: Int
  /// The layer's kernel.
  let kernel: Kernel
  /// nil: a plain RFM's, which has none.
  private let features: FeatureKind?
  private let file: SafetensorsFile

  /// *Local.* Throws `InputError`.
  init(_ file: SafetensorsFile, _ options: TrainOptions) throws {
    path = file.path
    features = options.model == .rfm ? nil : options.features
    self.file = file
    kernel = Kernel(options.kernel, bandwidth: try Self.bandwidth(file, options))
    (outputWidth, inputWidth) = try file.matrixShape(features == nil ? "projection" : "weights")
    (samples, outputs) = try file.matrixShape("coefficients")
    try file.expect("projection", [inputWidth, inputWidth])
    if features == .cosine { try file.expect("phases", [outputWidth]) }
  }

  private static func bandwidth(_ file: SafetensorsFile, _ options: TrainOptions) throws(InputError) -> Double {
    if let same = options.bandwidth { return same }
    guard let chosen = file.metadata[RunFolder.bandwidthKey].flatMap(Double.init), chosen.isFinite, chosen > 0 else {
      throw InputError("\(file.path) does not say the bandwidth that was chosen for its layer")
    }
    return chosen
  }

  /// *Local.* x -> phi(x R W^T + u), or x -> x R of the first rows.
  public func map() throws -> LayerMap<Double> {
    guard let features else { return .projection(try file.matrix("projection")) }
    let phases = features == .cosine ? try file.vector("phases", as: Double.self) : nil
    return .features(
      FeatureMap(
        kind: features, projection: try file.matrix("projection"), weights: try file.matrix("weights"),
        phases: phases.map { Matrix(rows: 1, columns: $0.count, $0) }))
  }

  /// *Local.* Rows of A, class-sorted.
  public func coefficients(_ rows: Range<Int>) throws -> Matrix<Double> {
    try file.matrix("coefficients", rows: rows)
  }

  /// *Local.* The AGOP over its largest entry.
  public func agop() throws -> Matrix<Double> {
    try file.expect("agop", [inputWidth, inputWidth])
    return try file.matrix("agop")
  }
}
