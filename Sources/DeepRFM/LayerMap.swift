import KernelMachine
import LinearAlgebra
import Runtime

/// What makes the next layer's rows, as a layer's file keeps it. Every rank holds it whole.
public enum LayerMap<T: Real>: Sendable {
  /// x -> phi(x R W^T + u) of the layer's own rows: a Deep RFM.
  case features(FeatureMap<T>)
  /// x -> x R of the first rows: a plain RFM.
  case projection(Matrix<T>)

  /// R; (width x width).
  var projection: Matrix<T> {
    switch self {
    case .features(let map): map.projection
    case .projection(let r): r
    }
  }

  /// Of the random features, if there are any.
  public var features: FeatureMap<T>? { if case .features(let map) = self { map } else { nil } }

  var outputWidth: Int { features?.outputWidth ?? projection.columns }
}

/// A plain RFM's first rows, of which every layer's are made: U = X R.
struct FirstRows<T: Real> {
  /// X, own rows as deviations from the class means.
  let rows: Rows<T>
  let test, validation: GroupedRows<T>?
  /// R, the last layer's root; nil: the identity, of the first layer.
  var projection: Matrix<T>?
}

extension Rows {
  /// *Local.* The rows times R, as deviations from the centres' images; products of deviations in T, of centres in double.
  public func projected(by r: Matrix<T>) -> (deviations: Matrix<T>, centres: Matrix<Double>) {
    let images = Matrix<Double>(uninitialisedRows: centres.rows, columns: r.columns)
    context.pool.multiply(centres.view, r.converted(to: Double.self).view, into: images.view)
    let products = Matrix<T>(uninitialisedRows: rowCount, columns: r.columns)
    context.pool.multiply(deviations, r.view, into: products.view)
    return (products, images)
  }
}

extension GroupedRows {
  /// *Local.* Every row times R.
  func projected(by r: Matrix<T>) -> GroupedRows {
    let image = rows.projected(by: r)
    return GroupedRows(image.deviations, centres: image.centres, like: self)
  }
}

extension Workload {
  /// Bytes of `between`, with M and its result.
  var betweenBytes: Int { 32 * width * width }
}

extension Matrix<Double> {
  /// R M R of a symmetric M, symmetric to the last bit: the AGOP of x -> f(x R) from that of f. *Local.*
  func between<T: Real>(_ root: Matrix<T>, _ pool: ThreadPool) -> Matrix<Double> {
    let r = root.converted(to: Double.self)
    let half = Matrix<Double>(uninitialisedRows: rows, columns: columns)
    let whole = Matrix<Double>(uninitialisedRows: rows, columns: columns)
    pool.multiply(view, r.view, into: half.view)  // M R
    pool.multiply(r.view, half.view, transposeA: true, into: whole.view)  // R^T M R
    withExtendedLifetime(r) {}
    mirrorLower(whole.view)
    return whole
  }
}
