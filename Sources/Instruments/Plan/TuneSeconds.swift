import DeepRFM

extension TuneGrid {
  /// What a tuning takes, from what a run with its kernel, and as deep as its deepest combination, does.
  /// - Parameters:
  ///   - layers: seconds of the run's layers.
  ///   - loading: seconds to start and read.
  func seconds(_ layers: [LayerMetrics.Seconds], loading: Double) -> Double {
    func next(_ layer: LayerMetrics.Seconds) -> Double { layer[.agop] + layer[.root] + layer[.features] }
    return stages.reduce(loading) { sum, chains in
      guard let first = layers.first else { return sum }
      // Made once for all ridges: K, and the kernel between X and the samples held out.
      let shared = first[.kernel] + first[.metrics]
      return sum + shared
        + chains.reduce(0) { sum, chain in
          let depth = min(chain.options.layers, layers.count)
          let own = first.total - shared + layers[1..<max(1, depth)].reduce(0) { $0 + $1.total }
          return sum + own - next(layers[depth - 1])
        }
    }
  }
}
