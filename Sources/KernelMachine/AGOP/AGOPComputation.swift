import LinearAlgebra
import Runtime

/// The AGOP of a layer by any route, from what they all need.
public struct AGOPComputation<T: Real>: RowsWork {
  public let kernel: Kernel
  let rows: Rows<T>
  /// The sketch's signs.
  let random: RandomStream
  /// Bytes for a chunk of gradients, for all of the Gram route, and for other ranks' tiles.
  let chunkBytes, gramBytes, remoteBytes: Int
  /// The rows' kernel matrix, if its tiles are still there.
  let matrix: KernelOperator<T>?

  /// - Parameters:
  ///   - random: of purpose `sketch`.
  ///   - matrix: the rows' kernel matrix, if its tiles are still there.
  public init(
    kernel: Kernel, rows: Rows<T>, random: RandomStream, chunkBytes: Int, gramBytes: Int, remoteBytes: Int,
    matrix: KernelOperator<T>?
  ) {
    (self.kernel, self.rows, self.random, self.matrix) = (kernel, rows, random, matrix)
    (self.chunkBytes, self.gramBytes, self.remoteBytes) = (chunkBytes, gramBytes, remoteBytes)
  }

  public struct Result {
    /// Unnormalised; (width x width), whole on every rank.
    public let matrix: Matrix<Double>
    /// The route that was taken, never `auto`.
    public let route: AGOPRoute
    /// The sketch's estimate of its relative error; nil: exact.
    public let error: Double?

    public init(matrix: Matrix<Double>, route: AGOPRoute, error: Double?) {
      self.matrix = matrix
      self.route = route
      self.error = error
    }
  }

  /// What the routes cost here; the same on all ranks if `gramBytes` is.
  public func cost(outputs: Int) -> AGOPCost {
    AGOPCost(
      samples: layout.sampleCount, rows: layout.largestShard, width: rows.width, outputs: outputs, ranks: layout.ranks,
      scalarBytes: MemoryLayout<T>.stride, memoryBytes: gramBytes)
  }

  /// *Collective.*
  /// - Parameters:
  ///   - a: coefficients (own rows x outputs).
  ///   - saved: a computation to go on with, by the route that was taken then.
  ///   - progress: called with the finished share.
  public func compute(
    _ wanted: AGOPRoute, _ a: Matrix<Double>, safePoints: SafePoints<AGOPState> = .none, from saved: AGOPState? = nil,
    progress: (Double) -> Void
  ) throws -> Result {
    let route = saved?.route ?? cost(outputs: a.columns).route(wanted)
    try matrix?.beginTileExchange(limit: remoteBytes)
    do {
      let result = try compute(route, a, safePoints, saved, progress)
      try matrix?.finishTileExchange()
      return result
    } catch let stopped as StoppedEarly {
      // All ranks are here, and none may leave a message behind.
      try matrix?.finishTileExchange()
      throw stopped
    } catch {
      matrix?.cancelTileExchange()
      throw error
    }
  }

  /// *Collective.*
  private func compute(
    _ route: AGOPRoute, _ a: Matrix<Double>, _ safePoints: SafePoints<AGOPState>, _ saved: AGOPState?,
    _ progress: (Double) -> Void
  ) throws -> Result {
    let builder = TileBuilder<T>(kernel: kernel, rows)
    switch route {
    case .auto, .class:
      let gradients = ClassGradients(
        builder: builder, rows: rows, kernel: matrix, chunkBytes: chunkBytes)
      return Result(
        matrix: try gradients.agop(a, safePoints: safePoints, from: saved, progress: progress), route: .class,
        error: nil)
    case .gram:
      let gram = GramProduct(
        builder: builder, rows: rows, kernel: matrix,
        memoryBytes: gramBytes)
      return Result(
        matrix: try gram.agop(a, safePoints: safePoints, from: saved, progress: progress), route: .gram, error: nil)
    case .sketch:
      let sketch = GradientSketch(
        builder: builder, rows: rows, kernel: matrix,
        random: random, chunkBytes: chunkBytes)
      let (matrix, error) = try sketch.estimate(a, safePoints: safePoints, from: saved, progress: progress)
      return Result(matrix: matrix, route: .sketch, error: error)
    }
  }
}
