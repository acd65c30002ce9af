import KernelMachine
import LinearAlgebra

extension DebugProblem {
  /// The predictor at points that are no training samples, against f(x) = sum_j A_jc k(x, x_j).
  public func checkPredictor(
    twin: (DebugProblem, Matrix<Double>, [Int]) -> [Double] = plainOutputs
  ) throws -> [Check] {
    // A third of the way from one sample to another: of any class, near to some and far from others. Half way between the only two
    // samples of a set every output would be 0.
    let points = Matrix<Double>(rows: n, columns: d)
    points.fill { (2 * x[$0, $1] + x[(7 * $0 + 1) % n, $1]) / 3 }
    let grouped = GroupedRows(points.copy(), layout: samples.layout, context: training.context).regrouped(to: rows)
    let predictor = Predictor(kernel: kernel, rows: rows)
    let outputs = try predictor.outputs(at: grouped, a)
    let plain = Matrix<Double>(rows: n, columns: classes)
    for i in 0..<n {
      let f = twin(self, Matrix(rows: 1, columns: d, points.row(i)), Array(0..<n))
      for c in f.indices { plain[i, c] = f[c] }
    }
    return [
      Check(
        "predictor: new points, \(kernel.kind)", error: relativeError(outputs, plain), bound: 1e-11)
    ]
  }
}
