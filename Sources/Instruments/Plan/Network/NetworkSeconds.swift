import Glibc
import Network

/// Seconds that a rank takes for the parts of an epoch, as they were measured.
public struct NetworkRates: Sendable, Equatable {
  /// A step with the largest share of a batch: forward with the loss, backward, and the optimiser's of all parameters, of which each rank makes
  /// its share.
  public var forward = 0.0
  public var backward = 0.0
  public var update = 0.0
  /// A row's loss and accuracy, and its passes of a measurement.
  public var evaluatedRow = 0.0
  public var measuredRow = 0.0
  /// An operation of the correlations of a layer whose factorizations take all threads, and of one that a thread finds alone.
  public var correlation = 0.0
  public var smallCorrelation = 0.0

  public init() {}
}

extension NetworkRunPlan {
  /// The slowest rank's seconds of an epoch, without a measurement or with one; messages that no work hides are `exchange`.
  public func seconds(_ rates: NetworkRates, _ network: Interconnect, measures: Bool) -> Phases {
    var time = Phases()
    let batches = Double(shape.samples) / Double(batch)
    // The last batch is what is left, its update a whole one.
    time.train = batches * (rates.forward + rates.backward) + Double(exchange.steps) * rates.update / Double(ranks)
    time.evaluate = Double(largestShard + testShare) * rates.evaluatedRow
    time.exchange = exchangeSeconds(rates, network)
    guard measures else { return time }
    time.measure = Double(largestShard) * rates.measuredRow + correlationSeconds(rates)
    time.exchange += ranks == 1 ? 0 : exchange.measurement / bandwidth(network)
    return time
  }

  /// Of the whole run, from the first epoch on.
  public func allSeconds(_ rates: NetworkRates, _ network: Interconnect) -> Phases {
    let (plain, measured) = (
      seconds(rates, network, measures: false), seconds(rates, network, measures: true)
    )
    let (epochs, measurements) = (Double(options.epochs), Double(options.measurements))
    var time = Phases()
    time.train = epochs * plain.train
    time.evaluate = epochs * plain.evaluate
    time.measure = measurements * measured.measure
    time.exchange = epochs * plain.exchange + measurements * (measured.exchange - plain.exchange)
    return time
  }

  /// Seconds until the first epoch begins: starting, and reading every file once, which each rank does.
  public var loadingSeconds: Double {
    0.3 + 6e-9 * Double((shape.samples + shape.readTestSamples) * shape.features)
  }

  /// Of the rank that is slowest with its correlations: layer l is rank l mod P's, and small layers are shared out over its threads.
  private func correlationSeconds(_ rates: NetworkRates) -> Double {
    (0..<ranks).map { rank in
      let own = cost.correlations.indices.filter { $0 % ranks == rank }
      let small = own.filter { cost.isSmall[$0] }.map { cost.correlations[$0] }
      let large = own.filter { !cost.isSmall[$0] }.reduce(0) { $0 + cost.correlations[$1] }
      let turns = Double(max(1, min(threads, small.count)))
      return large * rates.correlation + max(small.max() ?? 0, small.reduce(0, +) / turns) * rates.smallCorrelation
    }.max() ?? 0
  }

  private func latency(_ network: Interconnect) -> Double { nodes <= 1 ? network.localLatency : network.latency }

  /// Bytes a second of all ranks together in a sum over them: round a ring, where one rank of a node sends out of it.
  private func bandwidth(_ network: Interconnect) -> Double {
    Double(ranks) * (nodes <= 1 ? network.localBandwidth : network.bandwidth)
  }

  /// Seconds of bytes that every rank sends to every other: of several nodes' what goes out of them, on the one line that a node's ranks share.
  private func pairwise(_ bytes: Double, _ network: Interconnect) -> Double {
    guard nodes > 1 else { return bytes / bandwidth(network) }
    let leaves = Double(ranks - ranks / nodes) / Double(ranks - 1)
    return bytes * leaves / (Double(nodes) * network.bandwidth)
  }

  /// Of an epoch. The next batch's rows come while this one is worked on; gradients are summed while the backward pass goes on, the last of
  /// them when it is over; every sum for batch norm is waited for.
  private func exchangeSeconds(_ rates: NetworkRates, _ network: Interconnect) -> Double {
    guard ranks > 1 else { return 0 }
    let (steps, rate) = (Double(exchange.steps), bandwidth(network))
    let sum = 2 * log2(Double(ranks)).rounded(.up) * latency(network)
    let rows = pairwise(exchange.rows / steps, network) + latency(network)
    // Gradients to whoever makes the step, and new values back: one after the other.
    let turns = 2 * latency(network)
    let gradients = pairwise(exchange.gradients / steps, network) + turns
    let last = pairwise(exchange.lastGradients, network) + turns
    let statistics = exchange.statistics / steps / rate + Double(exchange.statisticSums) * sum
    let step = rates.forward + rates.backward + rates.update / Double(ranks)
    return steps * (max(0, rows - step) + max(last, gradients - rates.backward) + statistics)
  }
}
