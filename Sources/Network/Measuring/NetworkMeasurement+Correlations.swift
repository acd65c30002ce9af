import LinearAlgebra
import Measures
import Synchronization

/// What the threads have found, by layer.
private final class Shared: Sendable {
  let found = Mutex<[Int: Result<FeatureCorrelation, any Error>]>([:])
}

extension NetworkMeasurement {
  /// *Local.* The correlations of these layers. A small one's factorizations gain nothing by a second thread: these layers are shared out over
  /// the threads; the others come one by one, each on all threads.
  func correlations(of gradients: [OutputGradients]) throws -> [FeatureCorrelation] {
    let (weights, pool) = (gradients.map { network.weights.matrix($0.weight) }, context.pool)
    let small = gradients.indices.filter { gradients[$0].isSmall }
    let shared = Shared()
    pool.forEachWhenFree(small.indices) { index, _ in
      let place = small[index]
      let result = Swift.Result { try gradients[place].correlation(weights[place], ThreadPool(count: 1)) }
      shared.found.withLock { $0[place] = result }
    }
    let found = shared.found.withLock { $0 }
    return try gradients.indices.map { try found[$0]?.get() ?? gradients[$0].correlation(weights[$0], pool) }
  }

  /// Bytes that are there while correlations are found, or rank 0 writes an M.
  static func workBytes(_ measured: [LayerStage<T>], threads: Int) -> Int {
    let small = measured.filter(MeasuredLayer<T>.isSmall).map(MeasuredLayer<T>.workBytes).sorted(by: >)
    return max(measured.map(MeasuredLayer<T>.workBytes).max() ?? 0, small.prefix(threads).reduce(0, +))
  }
}

extension OutputGradients {
  /// Whether one thread finds the correlations as fast as several.
  fileprivate var isSmall: Bool { Self.isSmall(units: sum.rows, inputs: inputs) }

  fileprivate static func isSmall(units: Int, inputs: Int) -> Bool {
    min(units, inputs) <= ThreadPool.largestSerialOrder
  }
}

extension MeasuredLayer {
  /// Whether one thread finds the layer's correlations as fast as several.
  static func isSmall(_ stage: LayerStage<T>) -> Bool {
    OutputGradients.isSmall(units: stage.layer.units, inputs: stage.layer.weight.columns)
  }
}
