import Files
import KernelMachine
import Measures
import Runtime
import Solve

/// The sizes that decide how much memory a layer takes on the rank that takes most.
public struct Workload: Sendable, Equatable {
  /// N, and the rows of the largest shard.
  public var samples, rows: Int
  /// The layer's input width and output width.
  public var width, outputWidth: Int
  /// Classes or values to be predicted, and what rows are deviations from: class means, or groups' means.
  public var outputs, centres: Int
  public var ranks, threads: Int
  /// Test rows of the largest share.
  public var testRows: Int
  /// Bytes of an element.
  public var scalarBytes: Int
  public var tileRows: Int
  /// Of the largest segment; nil: as high as a tile.
  public var segmentRows: Int?
  /// Elements of the rank's tiles, and of those of its rows that other ranks hold.
  public var tileElements, remoteElements: Int
  /// Whether K is held whole in double precision, for the dense solver.
  public var isDense = false
  /// Whether conjugate gradient takes over where the dense solver fails.
  public var fallsBack = false
  /// Whether classes have weights in the ridge system.
  public var isWeighted = false
  /// Whether weights between classes, and tiles where not all fit, may become thin factors.
  public var compresses = false
  /// Whether tiles may where all of them fit, too.
  public var compressesAnyhow = false
  /// Bytes of other rows that are to be kept beside the layer's: a plain RFM's first ones, as long as they are not resident.
  public var keptBytes = 0
  /// Whether the bandwidth is to be chosen.
  public var choosesBandwidth = false

  public init(
    samples: Int, rows: Int, width: Int, outputWidth: Int, outputs: Int, centres: Int, ranks: Int, threads: Int,
    testRows: Int,
    scalarBytes: Int, tileRows: Int, tileElements: Int, remoteElements: Int, isDense: Bool = false
  ) {
    (self.samples, self.rows, self.width, self.outputWidth) = (samples, rows, width, outputWidth)
    (self.outputs, self.centres) = (outputs, centres)
    (self.ranks, self.threads, self.testRows) = (ranks, threads, testRows)
    (self.scalarBytes, self.tileRows, self.tileElements) = (scalarBytes, tileRows, tileElements)
    self.remoteElements = remoteElements
    self.isDense = isDense
  }

  /// Bytes of so many rows with what is kept of each: its inner products with the centres, its norm.
  func rowBytes(_ count: Int, width: Int) -> Int { count * (width * scalarBytes + 8 * centres + 8) }

  /// Bytes of R, W and u.
  public var mapBytes: Int { scalarBytes * (width * width + outputWidth * (width + 1)) }

  /// Bytes while so many rows are mapped.
  public func mappingBytes(_ count: Int) -> Int {
    Rows<Double>.bytesOfMapping(
      count, width: width, outputWidth: outputWidth, centres: centres, threads: threads, scalarBytes)
  }

  /// Bytes of the rows that a bandwidth is chosen by, some features at a time and twice, and of their distances.
  var bandwidthBytes: Int {
    let rows = min(samples, bandwidthRows)
    return choosesBandwidth ? PairDistances.bytes(rows: rows) + 16 * rows * min(width, bandwidthFeatures) : 0
  }

  /// Bytes of the layer's rows, training and test.
  public var rowsBytes: Int { rowBytes(rows + testRows, width: width) }

  /// Bytes of the samples that a rank holds as a layer begins.
  public var sampleBytes: Int { rowsBytes + 8 * samples }

  /// What the parts of a solve state.
  var solve: SolveMemory {
    SolveMemory(
      rows: rows, outputs: outputs, width: width, ranks: ranks, threads: threads, tileRows: tileRows,
      scalarBytes: scalarBytes, isWeighted: isWeighted)
  }

  /// A and the residual, which stay to the layer's end.
  var fitBytes: Int { 16 * rows * outputs }

  /// Bytes of the whole kernel's half, this rank's share of it.
  var tileBytes: Int { tileElements * scalarBytes }
}

/// What a layer is given of a rank's memory: bytes for stored tiles, columns of the preconditioner, bytes for a chunk of
/// gradients; and the peak that follows. Everything else is counted first, these take what is left.
///
/// A layer's work comes in stages that do not hold their memory together: the peak is the largest stage's.
public struct MemoryPlan: Sendable, Equatable {
  public struct Item: Sendable, Equatable {
    public let name: String
    public let bytes: Int
  }

  let budget: Int
  public private(set) var items: [Item] = []
  /// The most held at once in each stage of the layer's work.
  public private(set) var stages: [Item] = []
  /// Of the solver that is planned; 0: none.
  public private(set) var preconditionerRank = 0
  /// The same where K is factored whole and that fails; memory is planned for either.
  public private(set) var fallbackRank = 0
  public private(set) var tileBudget = 0
  public private(set) var storedShare = 1.0
  /// Whether tiles may become thin factors: to make these, and their true residuals, takes about as long as to make a tenth of all tiles anew in
  /// each product, so that tiles are tried only where more than that do not fit, unless the user gave a tolerance.
  public private(set) var compressesTiles = false
  public private(set) var chunkBytes = 0
  /// Bytes for the AGOP's Gram route, all told.
  public private(set) var gramBytes = 0
  /// Whether the kernel's tiles stay in memory while the AGOP is made, which takes its weights from them.
  public private(set) var keepsTiles = false
  /// Whether they may stay where factors have made them smaller than was planned for: see `hasRoom`.
  public private(set) var mayKeepTiles = false
  /// What the AGOP's stage holds beside tiles.
  private var agopStage = 0
  /// The same of the root's, where train has no tiles any more.
  private var rootStage = 0
  /// Bytes for tiles that other ranks hold, while the AGOP is made, where own ones are planned to stay.
  public private(set) var remoteBytes = 0
  /// The route that the AGOP takes.
  public private(set) var route = AGOPRoute.class
  /// Residuals that the solver remembers.
  public let historyLimit: Int
  /// Whether K is factored whole.
  public let solvesDirectly: Bool
  private let isShared: Bool
  /// The most that the rank will hold at once.
  public var peak: Int { stages.map(\.bytes).max() ?? 0 }
  public var fits: Bool { peak <= budget }
  /// Whether K can be factored whole: of several ranks each sends its tiles to one.
  public var fitsDirectly: Bool { fits && (!isShared || storedShare == 1) }

  /// What the allocator and the libraries take beyond what is counted: a thread of BLAS packs a strip of a product's longer side,
  /// up to 32 MiB.
  private static func slack(_ load: Workload) -> Int {
    (24 << 20) + load.threads * packing(load)
  }
  /// A thread's of BLAS.
  private static func packing(_ load: Workload) -> Int {
    min(32 << 20, (2 << 20) + 2048 * max(load.samples, load.width))
  }
  /// A larger chunk of gradients gains nothing: its products are long enough.
  private static let largestChunk = 512 << 20

  /// The plan of a layer that train is about to work on.
  /// - Parameters:
  ///   - resident: what the process holds already: the program, X and the test rows.
  ///   - agop: the route asked for.
  ///   - wantedRank: columns of the preconditioner, or of that which the dense solver falls back on; fewer where memory is short, 0 for none.
  /// - Throws: `InputError` if the layer cannot run within the budget.
  public init(_ load: Workload, budget: Int, resident: Int, agop: AGOPRoute = .auto, wantedRank: Int) throws(InputError)
  {
    self.init(estimating: load, budget: budget, resident: resident, agop: agop, wantedRank: wantedRank)
    if let refusal = refusal(load) { throw InputError(refusal) }
  }

  /// The same whether it fits or not: see `fits`.
  public init(estimating load: Workload, budget: Int, resident: Int, agop: AGOPRoute = .auto, wantedRank: Int) {
    self.budget = budget
    historyLimit = Self.historyLimit(load, budget: budget)
    (solvesDirectly, isShared) = (load.isDense, load.ranks > 1)
    let base = resident + load.keptBytes + Self.slack(load)
    let memory = load.solve
    let travelling = Self.travellingBytes(load)
    let dense = Self.denseBytes(load)
    // Where tiles are recomputed, fewer products are worth more than a few stored tiles.
    let all = load.tileBytes
    let left = budget - base
    var rank = wantedRank
    while rank > 0 && Self.iterative(load, rank, historyLimit) + travelling > max(left / 2, left - all) {
      rank = rank * 3 / 4
    }
    (preconditionerRank, fallbackRank) = load.isDense ? (0, rank) : (rank, 0)
    let solving = Self.solving(load, rank, historyLimit)
    // Blocks of X travel while tiles are built, and again in every product that makes some anew: where tiles have factors the true residual's.
    let (building, making) = (travelling + memory.building + memory.recomputing, travelling + memory.recomputing)
    let nearlyFit =
      left >= all + max(solving, building) || left >= all / 10 * 9 + max(solving + making, building)
    compressesTiles = load.compresses && !load.isDense && (load.compressesAnyhow || !nearlyFit)
    let exactly = compressesTiles ? making : 0
    tileBudget = left >= all + max(solving + exactly, building) ? all : max(0, min(all, left - solving - making))
    storedShare = all == 0 ? 1 : Double(tileBudget) / Double(all)
    let repeated = storedShare < 1 ? making : exactly
    let spare = left - load.fitBytes
    let agopBytes = planAGOP(load, spare: spare, agop)
    keepsTiles = storedShare == 1 && agopBytes + tileBudget <= spare
    remoteBytes = keepsTiles ? min(load.remoteElements * load.scalarBytes, spare - agopBytes - tileBudget) : 0
    agopStage = base + load.fitBytes + agopBytes
    mayKeepTiles = compressesTiles && !keepsTiles
    let root = Self.rootBytes(load)
    rootStage = base + root
    let mapping = Self.mappingBytes(load)
    items = [
      Item(name: "program and samples", bytes: base), Item(name: "travelling blocks", bytes: travelling),
      Item(name: "vectors", bytes: Self.iterating(load, 0, historyLimit)),
      Item(name: "preconditioner", bytes: memory.making(preconditionerRank)),
      Item(name: "tiles", bytes: tileBudget), Item(name: "dense matrix", bytes: dense),
      Item(name: "gradients", bytes: agopBytes), Item(name: "remote tiles", bytes: remoteBytes),
      Item(name: "root", bytes: root),
      Item(name: "features", bytes: mapping),
    ]
    stages = [
      Item(name: "normalise", bytes: base + max(Self.normalisingBytes(load), load.bandwidthBytes)),
      Item(name: "kernel", bytes: base + tileBudget + travelling + memory.building + memory.recomputing),
      Item(name: "solve", bytes: base + tileBudget + solving + repeated),
      Item(name: "agop", bytes: agopStage + (keepsTiles ? tileBudget : 0) + remoteBytes),
      Item(name: "root", bytes: rootStage),
      Item(name: "features", bytes: base + mapping),
      Item(
        name: "files",
        bytes: base + load.fitBytes + max(load.modelBytes, Self.mapBytes(load) + load.arrivingCoefficients)),
    ]
  }

  /// Whether tiles that turned out to take so many bytes stay while the AGOP is made: the plan's peak does not rise for it.
  /// - Parameter throughRoot: and while its root is taken, for another chain's AGOP: of tiles that are planned for within the budget.
  public func hasRoom(forTiles bytes: Int, throughRoot: Bool = false) -> Bool {
    if keepsTiles { return !throughRoot || rootStage + bytes <= budget }
    return mayKeepTiles && max(agopStage, throughRoot ? rootStage : 0) + bytes <= min(peak, budget)
  }

  /// Whether K's tiles stay for the AGOP, as far as this rank knows: they do if all ranks' do.
  public func keeps<T>(_ matrix: KernelOperator<T>, throughRoot: Bool = false) -> Bool {
    hasRoom(forTiles: matrix.storedBytes, throughRoot: throughRoot) && (keepsTiles || matrix.storesAll)
  }

  /// Bytes for tiles that other ranks hold, beside so many bytes of own ones that stayed: where that was not planned, what is left under
  /// the peak.
  public func remoteBytes(beside tiles: Int) -> Int {
    keepsTiles ? remoteBytes : max(0, min(peak, budget) - agopStage - tiles)
  }

  /// K as a matrix with the right sides, and what arrives of it, on the one rank that factors it, with the threads of all.
  private static func denseBytes(_ load: Workload) -> Int {
    guard load.isDense else { return 0 }
    let matrices = KernelOperator<Double>.denseBytes(
      samples: load.samples, outputs: load.outputs, rows: load.rows, ranks: load.ranks, blockBytes: load.tileBytes)
    return matrices + (load.ranks - 1) * load.threads * packing(load)
  }

  private static func iterating(_ load: Workload, _ rank: Int, _ history: Int) -> Int {
    load.solve.iterating(preconditioner: rank, history: load.isDense && !load.fallsBack ? 1 : history)
  }

  /// Conjugate gradient with a preconditioner of that rank, but for the tiles.
  private static func iterative(_ load: Workload, _ rank: Int, _ history: Int) -> Int {
    load.solve.building + max(load.solve.making(rank), iterating(load, rank, history))
  }

  /// A solve, but for its tiles: K as a matrix is gone before an iteration takes over.
  private static func solving(_ load: Workload, _ rank: Int, _ history: Int) -> Int {
    let direct = load.solve.building + load.solve.iterating(preconditioner: 0, history: 1) + denseBytes(load)
    return max(iterative(load, rank, history), load.isDense ? direct : 0)
  }

  /// Sets the route and what it may take; returns what it takes.
  private mutating func planAGOP(_ load: Workload, spare: Int, _ wanted: AGOPRoute) -> Int {
    gramBytes = max(0, spare)
    let cost = AGOPCost(
      samples: load.samples, rows: load.rows, width: load.width, outputs: load.outputs,
      centres: load.centres, ranks: load.ranks, threads: load.threads, tileRows: load.tileRows,
      segmentRows: load.segmentRows, scalarBytes: load.scalarBytes, memoryBytes: gramBytes, compresses: load.compresses)
    route = cost.route(wanted)
    let (fixed, row) = (cost.gradientBytes(of: route, chunkRows: 0), cost.chunkRowBytes(of: route))
    chunkBytes = min(Self.largestChunk, max(row * cost.segmentRows, min(spare - fixed, row * load.rows)))
    let chunkRows = min(load.rows, cost.chunkRows(of: route, within: chunkBytes))
    return route == .gram ? cost.gramBytes : cost.gradientBytes(of: route, chunkRows: chunkRows)
  }

  /// Why the layer cannot run, and what would help; nil: it can.
  func refusal(_ load: Workload) -> String? {
    guard !fits else { return nil }
    let need = "--memory \(Format.bytes(budget)) is too little: this layer needs \(Format.bytes(peak)) a rank"
    guard load.isDense else { return need + " even with every tile recomputed" + remedy(load) }
    return need
      + ", \(Format.bytes(8 * load.samples * load.samples)) of it the kernel matrix that --solver cholesky factors"
      + " whole (--solver cg needs no such matrix)"
  }

  /// What helps. Matrices of the features, and the coefficients, are whole on every rank, however many there are.
  private func remedy(_ load: Workload) -> String {
    let matrices = max(Self.rootBytes(load) - load.fitBytes, Self.mapBytes(load))
    let coefficients = load.samples * load.outputs * load.scalarBytes
    func whole(_ what: String, _ bytes: Int, _ fewer: String) -> String {
      ", \(Format.bytes(bytes)) of it \(what), which every rank holds whole (fewer \(fewer) help, more ranks do not)"
    }
    if Self.slack(load) + matrices > budget {
      let isWide = load.width >= load.outputWidth
      return whole(
        "matrices of \(load.width) features by \(isWide ? load.width : load.outputWidth)", matrices,
        isWide ? "features" : "output features (--width)")
    }
    if Self.slack(load) + coefficients > budget {
      return whole(
        "coefficients of \(load.samples) samples by \(load.outputs) outputs", coefficients, "classes or --samples")
    }
    return " (more ranks need less each)"
  }

  /// Blocks of X on their way round the ring: one worked on and one arriving, of two ranks the one that arrives.
  private static func travellingBytes(_ load: Workload) -> Int {
    min(2, load.ranks - 1) * load.rowBytes(load.rows, width: load.width)
  }

  /// A block of the solver's directions and its image, and its products with others: each thread's, and their sum.
  private static func directionBytes(_ load: Workload) -> Int {
    let group = ColumnGroups.largest(of: load.outputs)
    return BlockConjugateGradient.blockBytes(rows: load.rows, classes: group) + (load.threads + 4) * 8 * group * group
  }

  /// Blocks of directions that the solver remembers: at most 50, and no more than a twentieth of the kernel's size.
  private static func historyLimit(_ load: Workload, budget: Int) -> Int {
    return max(4, min(50, min(budget, max(load.tileBytes, 1 << 28)) / 20 / max(1, directionBytes(load))))
  }

  /// A and the residual, the AGOP and its root.
  private static func rootBytes(_ load: Workload) -> Int {
    load.fitBytes + max(8 * load.width * load.width + symmetricRootBytes(order: load.width), load.betweenBytes)
  }

  /// The rows beside themselves divided by their norms; then the test rows, a third time as they are grouped anew.
  private static func normalisingBytes(_ load: Workload) -> Int {
    max(load.rowBytes(load.rows, width: load.width), 2 * load.rowBytes(load.testRows, width: load.width))
  }

  /// The AGOP, and the map that is made of it.
  private static func mapBytes(_ load: Workload) -> Int { 8 * load.width * load.width + load.mapBytes }

  /// These, and the next X beside this one; then the test rows, when this X is gone.
  private static func mappingBytes(_ load: Workload) -> Int {
    let growth = load.rowBytes(load.rows, width: load.outputWidth) - load.rowBytes(load.rows, width: load.width)
    return load.fitBytes + mapBytes(load)
      + max(load.mappingBytes(load.rows), load.testRows == 0 ? 0 : growth + load.mappingBytes(load.testRows))
  }

  /// One line for the user.
  public var summary: String {
    let percent = Int((storedShare * 100).rounded(.down))
    return
      "memory a rank: \(Format.bytes(peak)) of \(Format.bytes(budget)), \(Format.bytes(tileBudget)) of it kernel tiles"
      + (percent == 100 ? "" : " (\(percent) % stored, the rest recomputed for each product)")
      + ", \(preconditionerRank) preconditioner columns"
  }
}
