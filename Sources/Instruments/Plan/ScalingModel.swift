import DeepRFM
import Glibc
import Runtime

/// What stays the same as ranks are added.
public enum ScalingKind: String, Sendable, CaseIterable {
  /// The problem.
  case strong
  /// N^2 / P: the pairs of rows of each rank.
  case weak
}

/// How a layer's time goes on when ranks are added, from one run that was measured.
///
/// The plan's amounts and rates give each phase's seconds at any number of ranks; what a phase really took in the measured run,
/// over what they give for that run, is its factor at all others.
public struct ScalingModel {
  /// A number of ranks, and a layer's seconds there.
  public struct Point: Sendable, Equatable {
    public let ranks: Int
    public let nodes: Int
    public let samples: Int
    public let seconds: LayerMetrics.Seconds
    /// Beside the fewest ranks: the same seconds, divided by the ranks (strong) or equal (weak), are 1.
    public let efficiency: Double
  }

  /// The phase that first no longer gains, and where.
  public struct Limit: Sendable, Equatable {
    public let phase: Phase
    public let ranks: Int
  }

  let kind: ScalingKind
  /// The measured run, and which of its layers.
  let base: RunPlan
  let layer: Int
  public let measured: LayerMetrics
  let ranksPerNode: Int
  /// Rates with as many ranks beside each other as in the measured run, and on a full node.
  let alone, full: MachineRates
  let network: Network

  public init(
    _ kind: ScalingKind, base: RunPlan, layer: Int, measured: LayerMetrics, ranksPerNode: Int, alone: MachineRates,
    full: MachineRates, network: Network
  ) {
    (self.kind, self.base, self.layer, self.measured) = (kind, base, layer, measured)
    (self.ranksPerNode, self.alone, self.full, self.network) = (ranksPerNode, alone, full, network)
  }

  /// 1, 2, 4, ... times the measured run's ranks, up to `most`.
  public func points(upTo most: Int) -> [Point] {
    var points: [Point] = []
    var ranks = base.ranks
    while ranks <= most {
      let seconds = self.seconds(ranks)
      let gain = (points.first?.seconds.total ?? seconds.total) / seconds.total
      let more = Double(ranks) / Double(base.ranks)
      points.append(
        Point(
          ranks: ranks, nodes: nodes(ranks), samples: samples(ranks), seconds: seconds,
          efficiency: kind == .strong ? gain / more : gain))
      ranks *= 2
    }
    return points
  }

  /// The first phase that takes a tenth of a layer or more and gains less than a quarter from twice the ranks (weak: takes a quarter
  /// longer); nil: none does.
  public func limit(_ points: [Point]) -> Limit? {
    for (few, many) in zip(points, points.dropFirst()) {
      let stopped = Phase.ofLayer.filter { phase in
        let (a, b) = (few.seconds[phase], many.seconds[phase])
        guard b > 0.1 * many.seconds.total else { return false }
        return kind == .strong ? a / b < 1.25 : b / a > 1.25
      }
      if let worst = stopped.max(by: { many.seconds[$0] < many.seconds[$1] }) {
        return Limit(phase: worst, ranks: many.ranks)
      }
    }
    return nil
  }

  /// The fewest ranks of these on which the AGOP's root, which one node takes, is more than half of the layer: there one over all nodes
  /// would pay; nil: none.
  public func ranksOfLargeRoot(_ points: [Point]) -> Int? {
    points.first { $0.seconds[.root] > $0.seconds.total / 2 }?.ranks
  }

  private func nodes(_ ranks: Int) -> Int { (ranks + ranksPerNode - 1) / ranksPerNode }

  private func samples(_ ranks: Int) -> Int {
    guard kind == .weak else { return base.shape.samples }
    return Int((Double(base.shape.samples) * (Double(ranks) / Double(base.ranks)).squareRoot()).rounded())
  }

  /// The layer's seconds by phase on so many ranks.
  public func seconds(_ ranks: Int) -> LayerMetrics.Seconds {
    let (predicted, atBase, found) = (bare(ranks), bare(base.ranks), measured.seconds)
    let isSolvedAlike = [ranks, base.ranks].allSatisfy {
      work($0).load.isDense == (measured.solver.method == .cholesky)
    }
    var seconds = LayerMetrics.Seconds()
    // What no phase counts (random numbers, files) stays.
    seconds.total = max(0, found.total - Phase.ofLayer.reduce(0) { $0 + found[$1] })
    for phase in Phase.ofLayer {
      // A phase that the measured run did not have has no factor; nor have messages on one rank.
      let isMeasured = isSolvedAlike || ![.solve, .preconditioner, .communication].contains(phase)
      let isKnown =
        isMeasured && atBase[phase] > 0 && found[phase] > 0 && !(phase == .communication && base.ranks == 1)
      seconds[phase] = isKnown ? predicted[phase] * found[phase] / atBase[phase] : predicted[phase]
      seconds.total += seconds[phase]
    }
    return seconds
  }

  /// The plan's own seconds. The more ranks share a node, the nearer to a full one's rates.
  private func bare(_ ranks: Int) -> LayerMetrics.Seconds {
    let work = work(ranks)
    let (few, many) = (work.seconds(alone, network).values, work.seconds(full, network).values)
    let beside = Double(min(ranks, ranksPerNode))
    let first = Double(min(base.ranks, ranksPerNode))
    let share = Double(ranksPerNode) > first ? (beside - first) / (Double(ranksPerNode) - first) : 0
    return LayerMetrics.Seconds(values: zip(few, many).map { $0 + share * ($1 - $0) })
  }

  /// What was solved by conjugate gradient is everywhere, in as many iterations; what was factored, as far as one node does it.
  private func work(_ ranks: Int) -> LayerWork {
    var (shape, options) = (base.shape, base.options)
    shape.samples = samples(ranks)
    let iterated = measured.solver.method == .cg
    if iterated && options.solver == .auto { options.solver = .cg }
    let run = RunPlan(
      options, shape, ranks: ranks, nodes: nodes(ranks), threads: base.threads, budget: base.budget,
      program: base.program, iterations: iterated ? measured.solver.iterations : nil)
    return run.layers[layer - 1]
  }
}
