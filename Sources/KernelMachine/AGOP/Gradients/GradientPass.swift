import LinearAlgebra
import Runtime

/// A way to the AGOP that adds up gradients of some of this rank's rows at a time: what differs between the exact one by class and the
/// sketch. All else is `GradientPass`.
protocol GradientRoute<T> {
  associatedtype T: Real
  associatedtype Chunk: GradientChunk<T>

  var source: AGOPSource<T> { get }

  /// Its name in checkpoints.
  static var route: AGOPRoute { get }
  /// Names of its sums in checkpoints, one AGOP each.
  static var sums: [String] { get }

  /// *Local.* A chunk of these rows, nothing added yet. - Parameter outputs: columns of the coefficients.
  func chunk(_ segments: [Segment], outputs: Int) -> Chunk
}

/// Gradients of some of this rank's rows, while the blocks of X pass by.
protocol GradientChunk<T> {
  associatedtype T: Real

  /// Bytes of a chunk of so many rows.
  static func bytes(rows: Int, _ sizes: AGOPCost) -> Int

  /// Outputs of the stack.
  static func outputs(_ sizes: AGOPCost) -> Int

  var stack: GradientStack<T> { get }

  /// *Local.* Adds the terms of a run of a block's segments. - Parameter a: the block's coefficients.
  func add(_ block: Rows<T>, of owner: Int, _ run: [Segment], _ a: MatrixView<T>)

  /// The finished gradients, one a row, of each of the route's sums; (any number x width).
  var gradients: [MatrixView<T>] { get }
}

/// All of X past all of this rank's rows: own rows are taken a chunk at a time, and for each chunk the blocks of X pass round the ring
/// once. Its gradients (outputs x rows x width) are all that is kept of it.
///
///     for chunk of own rows, of all ranks at once
///       for block of X, as it comes round the ring            (P steps)
///         for run of the block's segments                     G_c += H diag(A_c) X, by the route
///       G_c += what the class means add                       (GradientStack.finish)
///       M += sum over the chunk's gradients g of g^T g
///     M <- sum of the ranks' M
struct GradientPass<Route: GradientRoute>: RowsWork {
  typealias T = Route.T

  let route: Route
  /// Rows of a chunk, unless a single segment has more.
  let chunkRows: Int

  var source: AGOPSource<T> { route.source }
  var rows: Rows<T> { source.rows }

  /// *Collective.* The route's sums over all samples of their gradients' outer products without the kernel's factor, lower triangles;
  /// (width x width) each, on every rank.
  /// - Parameters:
  ///   - a: coefficients (own rows x outputs).
  ///   - saved: a pass to go on with.
  ///   - progress: called with the finished share.
  func sums(
    _ a: Matrix<Double>, _ safePoints: SafePoints<AGOPState>, from saved: AGOPState?, progress: (Double) -> Void
  ) throws -> [Matrix<Double>] {
    let sums = Route.sums.map { _ in Matrix<Double>(rows: rows.width, columns: rows.width) }
    for (name, sum) in zip(Route.sums, sums) { try saved?.tensors.restore(name, into: sum) }
    if let saved { try source.compression?.restore(saved.tensors) }
    let all = try CoefficientBlocks<T>(a.converted(), rows)
    let chunks = rows.segments.runs(ofAtMost: chunkRows)
    let passes = try world.maximum(chunks.count)
    let start = try saved?.position(loops: 3) ?? [0, 0, 0]
    for pass in start[0]..<max(start[0], passes) {
      let chunk = route.chunk(pass < chunks.count ? chunks[pass] : [], outputs: a.columns)
      var way = InterruptibleRing(rows: rows, runRows: source.runRows)
      if let saved, pass == start[0] {
        way.done = (start[1], start[2])
        try chunk.stack.restore(saved.tensors)
      }
      try way.walk(safePoints) {
        progress((Double(pass) + $0) / Double(passes))
      } pause: { agreed, done in
        let all = zip(Route.sums, sums).map { SavedTensor($0, $1) } + chunk.stack.saved
        let tensors = all + (source.compression?.saved ?? [])
        try safePoints.reached(agreed, AGOPState(Route.route, position: [pass, done.blocks, done.runs], tensors))
      } _: { owner, block, run in
        try add(block, of: owner, run, to: chunk, all)
      }
      chunk.stack.finish(rows, pool)
      add(chunk.gradients, to: sums)
    }
    for sum in sums { try communicating { try world.sum(sum.buffer) } }
    return sums
  }

  /// *Collective.* All outputs' gradients of some own rows without the kernel's factor, as one chunk; (these rows x (outputs * width)).
  func gradients(of segments: [Segment], _ a: Matrix<Double>) throws -> Matrix<T> {
    let all = try CoefficientBlocks<T>(a.converted(), rows)
    let chunk = route.chunk(segments, outputs: a.columns)
    var way = InterruptibleRing(rows: rows, runRows: source.runRows)
    try way.walk(.none, progress: { _ in }, pause: { _, _ in }) { owner, block, run in
      try add(block, of: owner, run, to: chunk, all)
    }
    chunk.stack.finish(rows, pool)
    return chunk.stack.gradients
  }

  private func add(
    _ block: Rows<T>, of owner: Int, _ run: [Segment], to chunk: Route.Chunk, _ all: CoefficientBlocks<T>
  ) throws {
    try source.weights.await(owner)
    if chunk.stack.height > 0 { chunk.add(block, of: owner, run, all.block(of: owner)) }
  }

  /// Bytes of a rank while chunks of so many rows are worked on: the chunk, what stays throughout, and the largest of what comes in turn:
  /// blocks on their way, a chunk's end, its part of M.
  static func bytes(chunkRows: Int, _ sizes: AGOPCost) -> Int {
    let square = sizes.width * sizes.width
    let all = TileBuilder<T>.bytes(sizes) + CoefficientBlocks<T>.bytes(sizes) + Route.sums.count * square * 8
    let inTurn = max(
      Rows<T>.travellingBytes(sizes), GradientStack<T>.finishBytes(outputs: Route.Chunk.outputs(sizes), sizes),
      square * MemoryLayout<T>.stride)
    return all + Route.Chunk.bytes(rows: chunkRows, sizes) + inTurn
  }

  /// M += G^T G of each sum, in double precision over the chunks.
  private func add(_ gradients: [MatrixView<T>], to sums: [Matrix<Double>]) {
    let part = Matrix<T>(uninitialisedRows: rows.width, columns: rows.width)
    for (g, sum) in zip(gradients, sums) {
      pool.addGram(of: g, beta: 0, intoLower: part.view)  // part <- G^T G
      T.accumulate(part.pointer, sum.pointer, part.count)  // M += part
    }
  }
}
