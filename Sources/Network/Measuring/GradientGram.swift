import LinearAlgebra
import MPI
import Runtime

/// S = the sum of dy dy^T over all rows, outputs, and positions of an image, dy the gradient in a layer's output y = W x: the AGOP of the
/// layer's input, or of its patches, is W^T S W. Each block's products are in the network's precision, their sum over blocks and ranks in
/// double.
final class GradientGram<T: NetworkReal>: @unchecked Sendable {
  /// Elements of y, or of a position of it.
  let width: Int
  private let context: Context
  /// Of one block of rows, lower triangles: one a worker where each has positions of its own, else one that all fill together.
  private let blocks: [Matrix<T>]
  private let total: Matrix<Double>

  init(width: Int, parts: Int, _ context: Context) {
    (self.width, self.context) = (width, context)
    blocks = (0..<parts).map { _ in Matrix(rows: width, columns: width) }
    total = Matrix(rows: width, columns: width)
  }

  static func bytes(width: Int, parts: Int) -> Int {
    width * width * (parts * MemoryLayout<T>.stride + MemoryLayout<Double>.stride)
  }

  /// *Local.* S += dY^T dY; (rows x width).
  func add(rows gradients: MatrixView<T>) {
    context.pool.addGram(of: gradients, beta: 1, intoLower: blocks[0].view)
  }

  /// *Local, by one worker.* S += dY dY^T; (width x positions).
  func add(positions gradients: MatrixView<T>, worker: Int) {
    addOuterGram(of: gradients, beta: 1, intoLower: blocks[worker].view)
  }

  /// *Local.* The block's last output has been added.
  func finishBlock() {
    let (blocks, total, width) = (blocks, total, width)
    context.pool.forEachPart(of: width) { rows, _ in
      for block in blocks {
        for i in rows {
          T.accumulate(block.pointer + i * width, total.pointer + i * width, i + 1)
          (block.pointer + i * width).update(repeating: 0, count: i + 1)
        }
      }
    }
  }

  /// *Collective.* S on every rank, both triangles.
  func finish() throws -> Matrix<Double> {
    try context.timer.measure(.exchange) { try context.world.sum(total.buffer) }
    mirrorLower(total.view)
    return total
  }
}
