import KernelMachine
import LinearAlgebra

extension DebugProblem {
  /// The predictor at points that are no training samples, against f(x) = sum_j A_jc k(x, x_j).
  public func checkPredictor(
    reference: (Kernel, Matrix<Double>, Matrix<Double>, Matrix<Double>) -> Matrix<Double> = Reference.outputs
  ) throws -> [Check] {
    // A third of the way from one sample to another: of any class, near to some and far from others. Half way between the only two
    // samples of a set every output would be 0.
    let points = Matrix<Double>(rows: n, columns: d)
    points.fill { (2 * x[$0, $1] + x[(7 * $0 + 1) % n, $1]) / 3 }
    let grouped = GroupedRows(points.copy(), layout: samples.layout, context: training.context).regrouped(to: rows)
    let predictor = Predictor(kernel: kernel, rows: rows)
    let outputs = try predictor.outputs(at: grouped, a)
    let expected = reference(kernel, points, x, a)
    return [
      Check(
        "predictor: new points, \(kernel.kind)", error: relativeError(outputs, expected), bound: 1e-11)
    ]
  }
}
