import LinearAlgebra
import Runtime

/// The average gradient outer product of a kernel machine f_c(x) = sum over samples j of A_jc k(x, x_j), unnormalised:
///
///     M = sum over samples i and outputs c of grad f_c(x_i) grad f_c(x_i)^T                            (d x d)
///
/// the one entrance to its routes. With H_ij the gradient's weight of a pair of samples and B = H A (N samples, d wide, K outputs):
///
///     class     G_c = H diag(A_c) X - diag(B_c) X,  M = sum over c of G_c^T G_c          2 N^2 K d + N d^2 K operations
///     gram      Q = (A A^T) o H^2 - (A B^T + B A^T) o H + diag(|b_i|^2),  M = X^T Q X    N^3 + 2 N^2 d
///     sketch    as class, for 2 signed sums of the outputs in place of all               2 (2 N^2 d + N d^2)
///
/// `class` and `gram` are exact, `sketch` is unbiased and comes with an estimate of its error; H itself takes 2 N^2 d more, unless
/// the kernel's tiles are still there. `auto` is the exact one with fewer operations (see `AGOPCost`).
///
///     let m = try AGOP(of: rows, kernel).compute(coefficients).matrix
public struct AGOP<T: Real>: RowsWork {
  let rows: Rows<T>
  let kernel: Kernel
  private let tiles: KernelOperator<T>?
  private let memory: AGOPMemory
  private let random: RandomStream
  private let runRows: Int
  private let tileTolerance: Double

  /// *Local.*
  /// - Parameters:
  ///   - tiles: the same rows' kernel matrix, if its tiles are still there: the weights come from them.
  ///   - random: the sketch's signs; of purpose `sketch`.
  ///   - runRows: rows that are multiplied at a time.
  ///   - tileTolerance: relative error of the weights between two centres as thin factors; 0: none. Of route `class`.
  public init(
    of rows: Rows<T>, _ kernel: Kernel, tiles: KernelOperator<T>? = nil, memory: AGOPMemory = AGOPMemory(),
    random: RandomStream = RandomStream(seed: 0, layer: 1, purpose: .sketch), runRows: Int = AGOPCost.runRows,
    tileTolerance: Double = 0
  ) {
    (self.rows, self.kernel, self.tiles, self.memory, self.random) = (rows, kernel, tiles, memory, random)
    (self.runRows, self.tileTolerance) = (runRows, tileTolerance)
  }

  public struct Result {
    /// Unnormalised; (width x width), whole on every rank.
    public let matrix: Matrix<Double>
    /// The route that was taken, never `auto`.
    public let route: AGOPRoute
    /// The sketch's estimate of its relative error in the Frobenius norm; nil: exact.
    public let error: Double?
    /// What of the weights was thin factors.
    public let compression: Compression

    public init(
      matrix: Matrix<Double>, route: AGOPRoute, error: Double?, compression: Compression = Compression()
    ) {
      (self.matrix, self.route, self.error, self.compression) = (matrix, route, error, compression)
    }
  }

  /// *Collective.* What the routes cost here: the same on all ranks, though they have different threads and memory.
  public func cost(outputs: Int) throws -> AGOPCost {
    AGOPCost(
      samples: layout.sampleCount, rows: layout.largestShard, width: rows.width, outputs: outputs,
      centres: rows.centres.rows, ranks: layout.ranks, threads: try world.maximum(pool.count),
      tileRows: layout.tileRows, segmentRows: layout.largestSegment, runRows: runRows,
      scalarBytes: MemoryLayout<T>.stride,
      memoryBytes: try world.minimum(memory.gram), compresses: tileTolerance > 0)
  }

  /// *Collective.*
  /// - Parameters:
  ///   - a: coefficients (own rows x outputs); outputs need not be classes.
  ///   - wanted: the route; the same on all ranks.
  ///   - saved: a computation to go on with, by the route that was taken then.
  ///   - progress: called with the finished share.
  /// - Throws: `StoppedEarly` on all ranks where that was asked for; `CheckpointError` where `saved` is of another problem; errors of MPI.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public func compute(
    _ a: Matrix<Double>, by wanted: AGOPRoute = .auto, safePoints: SafePoints<AGOPState> = .none,
    from saved: AGOPState? = nil, progress: (Double) -> Void = { _ in }
  ) throws -> Result {
    let cost = try cost(outputs: a.columns)
    let route = saved?.route ?? cost.route(wanted)
    try tiles?.beginTileExchange(limit: memory.remoteTiles)
    do {
      let result = try compute(a, route, cost, safePoints, saved, progress)
      try tiles?.finishTileExchange()
      return result
    } catch let stopped as StoppedEarly {
      // All ranks are here, and none may leave a message behind.
      try tiles?.finishTileExchange()
      throw stopped
    } catch {
      tiles?.cancelTileExchange()
      throw error
    }
  }

  /// - Parameter route: other than `class` they want all weights.
  private func source(for route: AGOPRoute, outputs: Int) -> AGOPSource<T> {
    AGOPSource(
      rows, kernel, tiles: tiles, runRows: runRows, outputs: outputs,
      tileTolerance: route == .class || route == .auto ? tileTolerance : 0)
  }

  /// *Collective.*
  private func compute(
    _ a: Matrix<Double>, _ route: AGOPRoute, _ cost: AGOPCost, _ safePoints: SafePoints<AGOPState>,
    _ saved: AGOPState?, _ progress: (Double) -> Void
  ) throws -> Result {
    let source = source(for: route, outputs: a.columns)
    switch route {
    case .auto, .class:
      let pass = GradientPass(
        route: ClassGradients(source: source), chunkRows: cost.chunkRows(of: route, within: memory.gradients))
      let sums = try pass.sums(a, safePoints, from: saved, progress: progress)
      let compression = try Compression(of: source.compression?.log, elements: elements, context)
      return Result(matrix: pass.route.agop(sums), route: .class, error: nil, compression: compression)
    case .gram:
      let pairwise = PairwiseAGOP(source: source, chunkRows: cost.gramChunkRows)
      let matrix = try pairwise.agop(a, safePoints, from: saved, progress: progress)
      return Result(matrix: matrix, route: .gram, error: nil)
    case .sketch:
      let pass = GradientPass(
        route: GradientSketch(source: source, random: random),
        chunkRows: cost.chunkRows(of: route, within: memory.gradients))
      let (matrix, error) = pass.route.agop(try pass.sums(a, safePoints, from: saved, progress: progress))
      return Result(matrix: matrix, route: .sketch, error: error)
    }
  }

  /// Entries of H in this rank's rows.
  private var elements: Int { rows.rowCount * layout.sampleCount }

  /// *Collective.* The gradients of which the class route's M consists, of all of this rank's rows at once; (own rows x (outputs * width)).
  /// For checks.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public func gradients(_ a: Matrix<Double>) throws -> Matrix<T> {
    let source = source(for: .class, outputs: a.columns)
    let pass = GradientPass(route: ClassGradients(source: source), chunkRows: rows.rowCount)
    let gradients = try pass.gradients(of: rows.segments, a)
    for k in 0..<gradients.count { gradients.pointer[k] *= T(kernel.gradientFactor) }
    return gradients
  }
}

/// Bytes that a rank has for an AGOP, beside its samples and the kernel's own tiles.
public struct AGOPMemory: Sendable {
  /// For the gradients of a chunk of rows, unless a single segment needs more: routes `class` and `sketch`.
  var gradients: Int
  /// For all of the route `gram`, unless single segments need more.
  var gram: Int
  /// For the tiles of this rank's rows that other ranks hold.
  public var remoteTiles: Int

  public init(gradients: Int = 512 << 20, gram: Int = 8 << 30, remoteTiles: Int = 0) {
    (self.gradients, self.gram, self.remoteTiles) = (gradients, gram, remoteTiles)
  }
}
