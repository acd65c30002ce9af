import MPI
import Files
import KernelMachine
import LinearAlgebra

/// layers/NN.safetensors of a run, open, its tensors' shapes proven to fit each other.
///
/// Everything is read in double precision, whatever precision the run had.
public struct LayerFile {
  let path: String
  let inputWidth: Int
  let outputWidth: Int
  /// N
  let samples: Int
  /// K
  let classCount: Int
  private let features: FeatureKind
  private let file: SafetensorsFile

  /// *Local.* Throws `InputError`.
  init(_ file: SafetensorsFile, features: FeatureKind) throws {
    path = file.path
    self.features = features
    self.file = file
    (outputWidth, inputWidth) = try file.matrixShape("weights")
    (samples, classCount) = try file.matrixShape("coefficients")
    try file.expect("projection", [inputWidth, inputWidth])
    if features == .cosine { try file.expect("phases", [outputWidth]) }
  }

  /// *Local.* x -> phi(x R W^T + u)
  public func map() throws -> FeatureMap<Double> {
    let phases = features == .cosine ? try file.vector("phases", as: Double.self) : nil
    return FeatureMap(
      kind: features, projection: try file.matrix("projection"),
      weights: try file.matrix("weights"),
      phases: phases.map { Matrix(rows: 1, columns: $0.count, $0) })
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
