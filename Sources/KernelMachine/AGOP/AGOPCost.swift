import Runtime

/// Operations and memory of the AGOP by each route: what `--agop auto` decides by.
///
/// Operations are multiplications and additions, of all ranks together; nearly all of them are matrix products in every route, so
/// that the fewest are the fastest.
public struct AGOPCost: Sendable, Equatable {
  /// N, and the rows of the largest shard.
  public var samples, rows: Int
  /// d
  var width: Int
  /// K
  var outputs: Int
  /// Class means.
  var centres: Int
  var ranks: Int
  /// Of the rank that has most.
  var threads: Int
  var tileRows: Int
  /// Of the largest segment.
  public var segmentRows: Int
  /// Rows that are multiplied at a time.
  var runRows: Int
  /// Bytes of an element, 4 or 8.
  var scalarBytes: Int
  /// Bytes that a rank has for all of the Gram route.
  public var memoryBytes: Int
  /// Whether weights between classes may become thin factors, in the class route.
  public var compresses: Bool

  public init(
    samples: Int, rows: Int, width: Int, outputs: Int, centres: Int, ranks: Int, threads: Int, tileRows: Int = 512,
    segmentRows: Int? = nil, runRows: Int = AGOPCost.runRows, scalarBytes: Int, memoryBytes: Int,
    compresses: Bool = false
  ) {
    (self.samples, self.rows, self.width, self.outputs, self.centres) = (samples, rows, width, outputs, centres)
    (self.ranks, self.threads, self.tileRows, self.runRows) = (ranks, threads, tileRows, runRows)
    self.segmentRows = segmentRows ?? min(tileRows, rows)
    (self.scalarBytes, self.memoryBytes, self.compresses) = (scalarBytes, memoryBytes, compresses)
  }

  /// Rows of X that one large product takes: enough for nearly BLAS's best speed (measured: 400 rows 65 %, 800 80 %, 1600 98 %).
  public static let runRows = 1600

  private var n: Double { Double(samples) }
  private var d: Double { Double(width) }
  private var k: Double { Double(outputs) }

  /// The route to take where `wanted` leaves it open.
  public func route(_ wanted: AGOPRoute) -> AGOPRoute {
    guard wanted == .auto else { return wanted }
    return operations(of: .gram) < operations(of: .class) ? .gram : .class
  }

  /// All operations of a route, the making of the weights included; for `auto` those of the route it takes.
  public func operations(of wanted: AGOPRoute) -> Double {
    switch route(forced: wanted) {
    case .auto, .class: 2 * n * n * d + ownOperations(of: .class)
    case .gram: n * n * n + n * n * d * (1 + weightBuilds) + 2 * n * d * d
    case .sketch: 2 * n * n * d + ownOperations(of: .sketch)
    }
  }

  /// Operations that a route's formula counts (docs/method.md), whatever else is done for them.
  public func ownOperations(of wanted: AGOPRoute) -> Double {
    switch route(forced: wanted) {
    case .auto, .class: 2 * n * n * k * d + n * d * d * k
    case .gram: n * n * n + 2 * n * n * d
    case .sketch: 2 * (2 * n * n * d + n * d * d)
    }
  }

  private func route(forced wanted: AGOPRoute) -> AGOPRoute { wanted == .auto ? route(.auto) : wanted }

  /// Outputs whose scaled rows the class route multiplies at a time, in groups of nearly the same size: BLAS packs H once for each group
  /// (measured: a product for each output takes 4 to 8 % longer).
  static func groups(outputs: Int, width: Int) -> [Range<Int>] {
    (0..<outputs).pieces(ofAtMost: max(1, 8192 / max(1, width)))
  }

  /// Rows of the longest run of a block.
  static func longestRun(_ runRows: Int, shard: Int, tileRows: Int) -> Int { max(tileRows, min(runRows, shard)) }

  /// How many times N^2 d operations the Gram route's panels take: 1 where one rank makes half of them and mirrors it, nearly 2 on
  /// many, more where chunks are built again.
  public var weightBuilds: Double {
    guard samples > 0 else { return 0 }
    let chunks = Double((rows + gramChunkRows - 1) / max(1, gramChunkRows))
    let square = Double(min(gramChunkRows, rows)) / n
    return (2 - square) * (chunks + max(0, chunks - 1) * max(0, chunks - 2) / 2) / max(1, chunks)
  }

  // MARK: Memory, as the types state it beside what they allocate

  /// Rows of the largest side of a tile, at most: small classes are gathered.
  var largestSide: Int { min(tileRows, rows) }

  /// Rows of the longest run of a block, here.
  var longestRun: Int { Self.longestRun(runRows, shard: rows, tileRows: tileRows) }

  /// Bytes of a rank by `class` or `sketch`, with chunks of so many rows.
  public func gradientBytes(of route: AGOPRoute, chunkRows: Int) -> Int {
    switch (route, scalarBytes) {
    case (.sketch, 4): GradientPass<GradientSketch<Float>>.bytes(chunkRows: chunkRows, self)
    case (.sketch, _): GradientPass<GradientSketch<Double>>.bytes(chunkRows: chunkRows, self)
    case (_, 4): GradientPass<ClassGradients<Float>>.bytes(chunkRows: chunkRows, self)
    default: GradientPass<ClassGradients<Double>>.bytes(chunkRows: chunkRows, self)
    }
  }

  /// Bytes of each row of a chunk by `class` or `sketch`.
  public func chunkRowBytes(of route: AGOPRoute) -> Int {
    gradientBytes(of: route, chunkRows: 1) - gradientBytes(of: route, chunkRows: 0)
  }

  /// Rows of a chunk by `class` or `sketch` for which so many bytes are enough: a segment's at the least.
  public func chunkRows(of route: AGOPRoute, within bytes: Int) -> Int {
    max(segmentRows, bytes / max(1, chunkRowBytes(of: route)))
  }

  /// Bytes for chunks of so many rows, with one panel in memory or two.
  private func gramBytes(chunk rows: Int, panels: Int) -> Int {
    scalarBytes == 4
      ? PairwiseAGOP<Float>.bytes(chunkRows: rows, panels: panels, self)
      : PairwiseAGOP<Double>.bytes(chunkRows: rows, panels: panels, self)
  }

  /// Bytes that the Gram route takes of a rank's memory.
  public var gramBytes: Int { gramBytes(chunk: gramChunkRows, panels: gramChunkRows < rows ? 2 : 1) }

  /// Rows of the Gram route's chunks: all of a rank, or where that does not fit, as many as leave room for a second panel.
  public var gramChunkRows: Int {
    if gramBytes(chunk: rows, panels: 1) <= memoryBytes { return max(1, rows) }
    var (least, most) = (1, max(1, rows))
    while least < most {
      let middle = (least + most + 1) / 2
      if gramBytes(chunk: middle, panels: 2) <= memoryBytes { least = middle } else { most = middle - 1 }
    }
    return least
  }
}
