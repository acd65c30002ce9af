import DeepRFM
import Glibc
import KernelMachine
import Runtime
import Solve

/// A layer as the model sees it: sizes, the choices that train would make, and the machine's shape.
public struct LayerWork: Sendable, Equatable {
  public let load: Workload
  public let plan: MemoryPlan
  /// Of the solver.
  public let iterations: Int
  let nodes: Int
  let testSamples: Int
  /// Whether the AGOP's root is taken; the ablations compute the AGOP and use another matrix.
  let takesRoot: Bool
  /// Whether the AGOP's weights come from the kernel's tiles, this rank's own and those that it borrows.
  let takesTiles: Bool
  /// Whether the next rows are a projection of the first ones, without random features.
  let projectsOnly: Bool

  init(
    _ load: Workload, _ plan: MemoryPlan, iterations: Int, nodes: Int, testSamples: Int, takesRoot: Bool = true,
    takesTiles: Bool = false, projectsOnly: Bool = false
  ) {
    self.projectsOnly = projectsOnly
    (self.load, self.plan, self.iterations, self.nodes) = (load, plan, iterations, nodes)
    (self.testSamples, self.takesRoot, self.takesTiles) = (testSamples, takesRoot, takesTiles)
  }

  /// What its rates depend on.
  public var widthToProbe: WidthToProbe {
    WidthToProbe(input: load.width, output: load.outputWidth, route: plan.route, takesTiles: takesTiles)
  }

  private var n: Double { Double(load.samples) }
  private var r: Double { Double(load.rows) }
  private var q: Double { Double(load.testRows) }
  private var d: Double { Double(load.width) }
  private var w: Double { Double(load.outputWidth) }
  private var k: Double { Double(load.outputs) }
  private var p: Double { Double(load.ranks) }
  private var s: Double { Double(load.scalarBytes) }
  /// Outputs that are solved at a time.
  private var group: Double { Double(ColumnGroups.largest(of: load.outputs)) }
  private var rank: Double { Double(plan.preconditionerRank) }
  private var its: Double { Double(iterations) }

  /// Pairs of rows whose kernel values the busiest rank makes: half of its rows against all, the tiles on the diagonal whole, and
  /// what it has more than half of the pair of blocks that it shares.
  private var pairs: Double { r * (n + min(r, Double(load.tileRows))) / 2 + unevenPairs }

  /// Where the ranks are even in number, the farthest two share a pair of blocks and cut it between two segments.
  private var unevenPairs: Double {
    guard load.ranks > 1, load.ranks % 2 == 0, load.rows > 0 else { return 0 }
    // Classes as large as each other.
    let counts = (0..<load.centres).map {
      load.samples * ($0 + 1) / load.centres - load.samples * $0 / load.centres
    }
    let segments = Layout(classCounts: counts, ranks: load.ranks, tileRows: load.tileRows).segments(of: 0)
    let first = Double(segments.halves.first.rowRange.count) / Double(max(1, segments.rowRange.count))
    return (max(first, 1 - first) - 0.5) * r * r
  }

  /// True residuals that a solve takes in double precision: nearly always the start of the last round and its end.
  private static let exactProducts = 1.5

  private var cost: AGOPCost {
    AGOPCost(
      samples: load.samples, rows: load.rows, width: load.width, outputs: load.outputs,
      centres: load.centres, ranks: load.ranks, threads: load.threads, tileRows: load.tileRows,
      segmentRows: load.segmentRows, scalarBytes: load.scalarBytes, memoryBytes: plan.gramBytes)
  }

  private var remoteShare: Double { Double(plan.remoteBytes) / max(1, Double(load.remoteElements) * s) }

  // MARK: Operations

  /// Multiplications and additions by phase, of all ranks together.
  public var operations: LayerMetrics.Seconds {
    var count = LayerMetrics.Seconds()
    count[.kernel] = n * n * d
    count[.preconditioner] = 2 * n * rank * d + 4 * n * rank * rank + p * Self.eigenOperations(rank)
    let direct = n * n * n / 3 + 2 * n * n * k
    count[.solve] = load.isDense ? direct : its * (2 * n * n * k + 4 * n * rank * k + 2 * its * n * k * group)
    count[.agop] = cost.operations(of: plan.route)
    count[.root] = takesRoot ? Self.eigenOperations(d) + d * d * d : 0
    count[.features] = 2 * (n + Double(testSamples)) * d * (projectsOnly ? d : d + w)
    count[.metrics] = 2 * Double(testSamples) * n * (d + k)
    count.total = count.values.reduce(0, +)
    return count
  }

  /// Reduction, the eigenvectors of the tridiagonal matrix and their transformation back (LAPACK's own counts).
  private static func eigenOperations(_ n: Double) -> Double { (4.0 / 3 + 8.0 / 3 + 2) * n * n * n }

  // MARK: Seconds

  /// The slowest rank's seconds by phase; what is not hidden behind work is `communication`.
  public func seconds(_ rates: MachineRates, _ network: Network) -> LayerMetrics.Seconds {
    let width = rates.rates(of: widthToProbe)
    var time = LayerMetrics.Seconds()
    time[.kernel] = pairs * width.tilePair
    time[.preconditioner] =
      load.isDense || rank == 0
      ? 0
      : r * rank * width.pivotPair + 4 * r * rank * rank * rates.doubleProduct + rates.eigen(order: rank)
    time[.solve] = solve(rates, width)
    time[.agop] = agop(rates, width)
    time[.root] = takesRoot ? rates.eigen(order: d) + d * d * d * rates.doubleProduct : 0
    time[.features] =
      2 * width.mapping + (r + q) * (width.mappedRow + width.normalisedRow) + q * width.regroupedRow
    time[.metrics] = q * n * width.predictorPair + r * k * 32 * rates.vectorByte
    time[.communication] = communication(network, time)
    time.total = time.values.reduce(0, +)
    return time
  }

  private func solve(_ rates: MachineRates, _ width: WidthRates) -> Double {
    let again = (1 - plan.storedShare) * pairs * width.tilePair
    let exact = pairs * rates.exactTileElement + again
    if load.isDense {
      // One rank factors on the cores of all; it alone writes the matrix.
      let factor = (n * n * n / 3 + 2 * n * n * k) * rates.doubleProduct / p
      return factor + n * n / 2 * 8 * rates.vectorByte + exact
    }
    // Half of all iterations' directions and images have to be read.
    let history = min(its / 2, Double(plan.historyLimit))
    let vectors = (20 + 2 * history) * 8 * r * k * rates.vectorByte
    let groups = Double(ColumnGroups.of(load.outputs).count)
    let step = pairs * rates.tileElement + groups * again + 2 * r * rank * rates.factorElement + vectors
    return its * step + Self.exactProducts * exact
  }

  private func agop(_ rates: MachineRates, _ width: WidthRates) -> Double {
    let square = d * d * rates.product
    // Of a pair of ranks one holds the tiles: what the other does not borrow it makes from the rows.
    let untiled = takesTiles ? (1 - remoteShare) * r * (n - r) / 2 * width.tilePair : 0
    switch plan.route {
    case .auto, .class:
      return r * n * width.gradientPair + untiled + r * k * square
    case .sketch: return r * n * width.gradientPair + untiled + 2 * r * square
    case .gram:
      let panels = takesTiles ? untiled : cost.weightBuilds * r * n / 2 * width.tilePair
      let met = r * n / 2 + unevenPairs
      return met * 2 * n * width.gramProduct + panels + met * width.gramPair + 2 * r * square
    }
  }

  /// Passes of the blocks round the ring that the routes with gradients take.
  private var chunks: Double {
    max(1, (r / Double(cost.chunkRows(of: plan.route, within: plan.chunkBytes))).rounded(.up))
  }

  // MARK: Messages

  /// Seconds of messages that no work hides. What goes round the ring is sent while the last block is worked on and costs only
  /// what takes longer than the work; sums over ranks are waited for.
  private func communication(_ network: Network, _ work: LayerMetrics.Seconds) -> Double {
    guard load.ranks > 1 else { return 0 }
    let block = r * (d * s + 8 * (k + 1))
    let half = Double(load.ranks / 2)
    let coefficients = n * k * s
    var total = hidden(half * block, half, behind: work[.kernel], network)
    // Rounds of the partial Cholesky factor: pivots, their rows of X and of F, the core.
    let rounds = (rank / Double(PartialCholesky.blockColumns(Int(rank)))).rounded(.up)
    total += sum(rank * (d * s + 4 * rank + 1024) + 8 * rank * rank, times: 7 * rounds + 1, network)
    // Of a factorisation: the tiles and the right-hand sides to one rank, and the answer back.
    if load.isDense { total += (p - 1) / p * (n * n / 2 * s + 2 * n * k * 8) / bandwidth(network) }
    // Of each iteration: parts of the vectors there and back, and five sums.
    let exchanged = half * r * k * (s + 8)
    let step = work[.solve] / max(1, its)
    total += its * (hidden(exchanged, 2 * half, behind: 0.5 * step, network) + sum(8 * rank * k, times: 5, network))
    switch plan.route {
    case .gram: total += hidden((p - 1) * block + half * r * (n + d) * s, 2 * p, behind: work[.agop], network)
    default: total += hidden(chunks * (p - 1) * block, chunks * p, behind: work[.agop], network)
    }
    if takesTiles {
      // They are wanted when the first half of the blocks is through.
      total += hidden(Double(plan.remoteBytes), half, behind: work[.agop] / 2, network)
    }
    total += sum(8 * d * d + 2 * coefficients, times: 3, network)
    total += sum(d * d * s, times: 1, network)
    total += hidden((p - 1) * block, p, behind: work[.metrics], network)
    total += sum(coefficients + 8 * k * (2 * d + w), times: 8, network)
    return total
  }

  private var isLocal: Bool { nodes <= 1 }
  private func latency(_ network: Network) -> Double { isLocal ? network.localLatency : network.latency }
  private func bandwidth(_ network: Network) -> Double { isLocal ? network.localBandwidth : network.bandwidth }

  /// Messages that are under way while there is work. Neighbours on the ring: only one rank of a node sends out of it. The last
  /// one's latency is always waited for.
  private func hidden(_ bytes: Double, _ messages: Double, behind work: Double, _ network: Network) -> Double {
    max(latency(network), bytes / bandwidth(network) + messages * latency(network) - work)
  }

  /// So many sums over all ranks, with so many bytes in all of them.
  private func sum(_ bytes: Double, times: Double, _ network: Network) -> Double {
    let share = 2 * (p - 1) / p
    return share * bytes / bandwidth(network) + times * 2 * log2(p).rounded(.up) * latency(network)
  }
}
