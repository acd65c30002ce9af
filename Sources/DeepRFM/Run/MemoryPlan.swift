/// The sizes that decide how much memory a layer takes on the rank that takes most.
public struct Workload: Sendable, Equatable {
  /// N, and the rows of the largest shard.
  public var samples, rows: Int
  /// The layer's input width and output width.
  public var width, outputWidth: Int
  public var classes: Int
  public var ranks, threads: Int
  /// Test rows of the largest share.
  public var testRows: Int
  /// Bytes of an element.
  public var scalarBytes: Int
  public var tileRows: Int

  /// Bytes of the whole kernel's half, this rank's share of it.
  var tileBytes: Int {
    let pairs = (Double(rows) * Double(samples) + Double(rows * tileRows)) / 2
    return Int(pairs * Double(scalarBytes) * (1 + 16 / Double(tileRows)))
  }
}

/// What a layer is given of a rank's memory: bytes for stored tiles, columns of the preconditioner, bytes for a chunk of
/// gradients; and the peak that follows. Everything else is counted first, these take what is left.
public struct MemoryPlan: Sendable, Equatable {
  public struct Item: Sendable, Equatable {
    public let name: String
    public let bytes: Int
  }

  public let budget: Int
  public private(set) var items: [Item] = []
  public private(set) var preconditionerRank: Int
  public private(set) var tileBudget = 0
  public private(set) var storedShare = 1.0
  public private(set) var chunkBytes = 0
  /// Bytes for the AGOP's Gram route, all told.
  public private(set) var gramBytes = 0
  /// Residuals that the solver remembers.
  public let historyLimit: Int
  /// The most that the rank will hold at once.
  public private(set) var peak = 0

  /// What the allocator and the libraries take beyond what is counted.
  private static let slack = 48 << 20
  /// A larger chunk of gradients gains nothing: its products are long enough.
  private static let largestChunk = 512 << 20

  /// - Parameters:
  ///   - resident: what the process holds already: the program, X and the test rows.
  ///   - agop: the route asked for.
  ///   - wantedRank: columns of the preconditioner, fewer where memory is short; 0 for none.
  /// - Throws: `InputError` if the layer cannot run within the budget.
  public init(_ load: Workload, budget: Int, resident: Int, agop: AGOPRoute = .auto, wantedRank: Int) throws(InputError)
  {
    self.budget = budget
    preconditionerRank = wantedRank
    let base = resident + Self.slack
    historyLimit = Self.historyLimit(load, budget: budget)
    let vectors = Self.vectorBytes(load) + historyLimit * 16 * load.rows * load.classes
    let travelling = load.ranks > 1 ? 2 * load.rows * (load.width * load.scalarBytes + 8 * load.classes) : 0
    let left = budget - base - vectors - travelling
    // Where tiles are made again, fewer products are worth more than a few stored tiles.
    let all = load.tileBytes
    while preconditionerRank > 0 && Self.preconditionerBytes(load, preconditionerRank) > max(left / 2, left - all) {
      preconditionerRank = preconditionerRank * 3 / 4
    }
    let preconditioner = Self.preconditionerBytes(load, preconditionerRank)
    tileBudget = max(0, min(all, left - preconditioner))
    storedShare = all == 0 ? 1 : Double(tileBudget) / Double(all)
    let gradients = Self.gradientBytes(load)
    let mapping = Self.mappingBytes(load)
    let spare = budget - base - travelling
    gramBytes = max(0, spare)
    let cost = AGOPCost(
      samples: load.samples, rows: load.rows, width: load.width, outputs: load.classes, ranks: load.ranks,
      scalarBytes: load.scalarBytes, memoryBytes: gramBytes)
    let segment = Self.chunkRowBytes(load) * min(load.rows, load.tileRows)
    chunkBytes = min(
      Self.largestChunk, max(segment, min(spare - gradients, Self.chunkRowBytes(load) * load.rows)))
    let agopBytes = cost.route(agop) == .gram ? cost.gramBytes : gradients + chunkBytes
    items = [
      Item(name: "program and samples", bytes: base), Item(name: "travelling blocks", bytes: travelling),
      Item(name: "vectors", bytes: vectors), Item(name: "preconditioner", bytes: preconditioner),
      Item(name: "tiles", bytes: tileBudget), Item(name: "gradients", bytes: agopBytes),
      Item(name: "features", bytes: mapping),
    ]
    let fit = base + travelling + vectors + preconditioner + tileBudget
    peak = max(fit, base + travelling + agopBytes, base + travelling + gradients, base + mapping)
    guard peak <= budget else {
      throw InputError(
        "--memory \(Format.bytes(budget)) is too little: this layer needs \(Format.bytes(peak)) a rank"
          + " even with every tile made again (more ranks need less each)")
    }
  }

  /// Iterates, directions, sums of a product, messages and the residuals that are remembered.
  private static func vectorBytes(_ load: Workload) -> Int {
    let block = load.rows * load.classes
    let product = 2 * load.threads * block * 8 + block * load.scalarBytes
    let messages = load.ranks / 2 * block * (16 + load.scalarBytes)
    return 8 * block * 8 + product + messages
      + load.threads * (4 * load.tileRows * load.tileRows * load.scalarBytes)
  }

  /// The solver's earlier residuals: at most 50 of them, and no more than a twentieth of the kernel's size.
  private static func historyLimit(_ load: Workload, budget: Int) -> Int {
    let step = max(1, 16 * load.rows * load.classes)
    return max(4, min(50, min(budget, max(load.tileBytes, 1 << 28)) / 20 / step))
  }

  /// F in double beside U in T, a block of columns, and the small matrices.
  static func preconditionerBytes(_ load: Workload, _ rank: Int) -> Int {
    guard rank > 0 else { return 0 }
    let tall = load.rows * rank * (8 + load.scalarBytes) + load.rows * min(128, rank) * 8
    return tall + 5 * rank * rank * 8 + rank * load.width * load.scalarBytes
  }

  /// The AGOP, its part in T, and each thread's scaled rows; later, in the same memory, the root's workspace.
  private static func gradientBytes(_ load: Workload) -> Int {
    let square = load.width * load.width
    let run = max(load.tileRows, min(AGOPCost.runRows, load.rows))
    let scratch = load.threads * (run * load.width + load.tileRows * load.tileRows) * load.scalarBytes
    let coefficients = (load.samples + 2 * load.rows) * load.classes * load.scalarBytes
    return max(square * (8 + load.scalarBytes) + scratch + coefficients, 7 * square * 8)
  }

  /// Bytes of one row's gradients: every class's, the class sums of its weights, and its weights against a run of segments.
  private static func chunkRowBytes(_ load: Workload) -> Int {
    load.classes * (load.width * load.scalarBytes + load.classes * 8)
      + max(load.tileRows, min(AGOPCost.runRows, load.rows)) * load.scalarBytes
  }

  /// The next X beside this one, the same of the test rows, R and W in both precisions.
  private static func mappingBytes(_ load: Workload) -> Int {
    let rows = (load.rows + 2 * load.testRows) * (load.outputWidth * load.scalarBytes + 8 * load.classes)
    let matrices = (load.width + load.outputWidth) * load.width * (8 + load.scalarBytes)
    let unit = (load.rows + 2 * load.testRows) * load.width * load.scalarBytes
    return rows + matrices + unit + 2 * load.width * load.width * 8
  }

  /// One line for the user.
  public var summary: String {
    let percent = Int((storedShare * 100).rounded(.down))
    return
      "memory a rank: \(Format.bytes(peak)) of \(Format.bytes(budget)), \(Format.bytes(tileBudget)) of it kernel tiles"
      + (percent == 100 ? "" : " (\(percent) % stored, the rest made again for each product)")
      + ", \(preconditionerRank) preconditioner columns"
  }
}
