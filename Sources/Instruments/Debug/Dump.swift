import DeepRFM
import Files
import KernelMachine
import LinearAlgebra

#if canImport(Glibc)
  import Glibc
#endif

/// A folder that takes every intermediate of a layer as .npy.
public struct Dump {
  let folder: String

  /// *Local.* Makes the folder. Throws `InputError` where that cannot be.
  public init(_ folder: String) throws {
    self.folder = folder
    do throws(FileError) {
      try Folder.make(folder)
    } catch {
      throw InputError("--dump \(folder) cannot be made: \(error)")
    }
    var status = stat()
    guard stat(folder, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
      throw InputError("--dump \(folder) is not a folder")
    }
  }

  /// *Collective, one rank.* A layer as the program computes it: rows of unit norm x, distances, kernel, labels, targets,
  /// coefficients, gradients (N x K x d), agop over its largest entry, projection, weights, and the mapped rows next_x.
  func write(_ problem: DebugProblem, _ agop: Matrix<Double>, _ map: FeatureMap<Double>) throws {
    let x = problem.x
    try NPYWriter.write("\(folder)/labels.npy", shape: [problem.n], problem.labels)
    try write("x", x)
    let distances = Matrix<Double>(rows: problem.n, columns: problem.n)
    distances.fill { Reference.distance(x, $0, x, $1) }
    try write("distances", distances)
    try write("kernel", try problem.kernelOperator().dense(ridge: 0))
    try write("targets", problem.y)
    try write("coefficients", try problem.fit(.cholesky).coefficients)
    try writeGradients(problem)
    try write("agop", agop)
    try write("projection", map.projection)
    try write("weights", map.weights)
    var (next, metrics) = (problem.samples, LayerMetrics())
    try problem.training.apply(map, to: &next, &metrics)
    try write("next_x", next.rows.assembled())
  }

  private func write(_ name: String, _ matrix: Matrix<Double>) throws {
    try NPYWriter.write(
      "\(folder)/\(name).npy", shape: [matrix.rows, matrix.columns], Array(matrix.buffer))
  }

  private func writeGradients(_ problem: DebugProblem) throws {
    let gradients = try problem.agop.gradients(problem.a)
    let writer = try NPYWriter<Double>("\(folder)/gradients.npy", shape: [problem.n, problem.classes, problem.d])
    for i in 0..<gradients.rows { try writer.append(UnsafeBufferPointer(gradients.row(i))) }
    try writer.finish()
  }
}
