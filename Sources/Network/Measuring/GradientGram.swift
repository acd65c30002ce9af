import LinearAlgebra
import MPI
import Runtime

/// M = sum over rows of J^T J at one layer's input, from its gradients of each output, block after block. Each block's products are in
/// the network's precision, their sum over blocks and ranks in double.
final class GradientGram<T: NetworkReal>: @unchecked Sendable {
  let width: Int
  private let context: Context
  /// Of one block, lower triangle.
  private let block: Matrix<T>
  private let total: Matrix<Double>
  private var isFresh = true

  init(width: Int, _ context: Context) {
    (self.width, self.context) = (width, context)
    block = Matrix(rows: width, columns: width)
    total = Matrix(rows: width, columns: width)
  }

  static func bytes(width: Int, of type: T.Type = T.self) -> Int {
    width * width * (MemoryLayout<T>.stride + MemoryLayout<Double>.stride)
  }

  /// *Local.* M += G^T G of one output's gradients; (rows x width).
  func add(_ gradients: MatrixView<T>) {
    context.pool.addGram(of: gradients, beta: isFresh ? 0 : 1, intoLower: block.view)
    isFresh = false
  }

  /// *Local.* The block's last output has been added.
  func finishBlock() {
    if isFresh { return }
    isFresh = true
    let (block, total, width) = (block, total, width)
    context.pool.forEachPart(of: width) { rows, _ in
      for i in rows { T.accumulate(block.pointer + i * width, total.pointer + i * width, i + 1) }
    }
  }

  /// *Collective.* M on every rank, both triangles.
  func finish() throws -> Matrix<Double> {
    try context.timer.measure(.exchange) { try context.world.sum(total.buffer) }
    mirrorLower(total.view)
    return total
  }
}
