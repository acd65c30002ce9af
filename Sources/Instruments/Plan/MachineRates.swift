import LinearAlgebra

/// A set of rates, each with its place.
protocol Rates {
  static var all: [WritableKeyPath<Self, Double> & Sendable] { get }
}

extension Rates {
  /// Each rate becomes the median of those measured.
  mutating func takeMedians(of measured: [Self]) {
    for rate in Self.all { self[keyPath: rate] = median(of: measured.map { $0[keyPath: rate] }) }
  }
}

/// Seconds that one rank takes for a unit of each kind of work, while the other ranks of its node work too: what a plan
/// multiplies with the amounts of `LayerWork`.
public struct MachineRates: Rates, Sendable, Equatable {
  /// An operation of a large product in the run's precision, and in double.
  public var product = 0.0
  public var doubleProduct = 0.0
  /// dsyevd of order n: this times n^3; of an order that one thread does alone, and of one that all do.
  public var smallEigen = 0.0
  public var largeEigen = 0.0
  /// A stored element of a kernel tile, multiplied in both directions with all classes' vectors; the same in double precision.
  public var tileElement = 0.0
  public var exactTileElement = 0.0
  /// An element of the preconditioner's U, read once.
  public var factorElement = 0.0
  /// A byte of the solver's vectors.
  public var vectorByte = 0.0
  /// Of layers of a given input width and route.
  public var widths: [WidthToProbe: WidthRates] = [:]

  public init() {}

  /// Of this kind of layer, or where none like it was measured, of the one most like it.
  func rates(of kind: WidthToProbe) -> WidthRates {
    let alike = widths.filter { $0.key.input == kind.input }.max { $0.key.likeness(kind) < $1.key.likeness(kind) }
    return alike?.value ?? WidthRates()
  }

  /// Seconds of the eigenvectors of a symmetric matrix.
  func eigen(order: Double) -> Double {
    (order > Double(ThreadPool.largestSerialOrder) ? largeEigen : smallEigen) * order * order * order
  }

  /// Those of all widths; `widths` has the others.
  static let all: [WritableKeyPath<MachineRates, Double> & Sendable] = [
    \.product, \.doubleProduct, \.smallEigen, \.largeEigen, \.tileElement, \.exactTileElement, \.factorElement,
    \.vectorByte,
  ]

  /// Each rate the median of those measured; all of the same widths.
  public init(medianOf measured: [MachineRates]) {
    self = measured[0]
    takeMedians(of: measured)
    for width in widths.keys { widths[width]?.takeMedians(of: measured.compactMap { $0.widths[width] }) }
  }
}

/// What depends on a layer's input width d.
public struct WidthRates: Rates, Sendable, Equatable {
  /// A pair of rows: its kernel value in a tile.
  public var tilePair = 0.0
  /// The same against a test row, multiplied with all classes' coefficients.
  public var predictorPair = 0.0
  /// A row of F and a column: the columns' kernel values, and what is done to single elements.
  public var pivotPair = 0.0
  /// A pair of rows on the class route, or the sketch: its weight and its part in every gradient.
  public var gradientPair = 0.0
  /// On the Gram route an operation of its product of depth N, and a pair of rows beyond that.
  public var gramProduct = 0.0
  public var gramPair = 0.0
  /// A row divided by its norm and centred; a test row found its nearest mean beside that.
  public var normalisedRow = 0.0
  public var regroupedRow = 0.0
  /// A row through projection and features, and what that takes whatever the rows.
  public var mappedRow = 0.0
  public var mapping = 0.0

  public init() {}

  static let all: [WritableKeyPath<WidthRates, Double> & Sendable] = [
    \.tilePair, \.predictorPair, \.pivotPair, \.gradientPair, \.gramProduct, \.gramPair, \.normalisedRow,
    \.regroupedRow, \.mappedRow, \.mapping,
  ]
}

/// What lies between the ranks.
public struct Network: Sendable, Equatable {
  /// Seconds of a short message one way, and bytes a second: between nodes and inside one.
  public var latency = 30e-6
  public var bandwidth = 1.25e9
  public var localLatency = 1e-6
  public var localBandwidth = 3e9

  /// Ten-gigabit Ethernet: what a plan assumes where nothing is said or measured.
  static let ethernet = Network()

  public init() {}
}

/// The same, where the module of neural networks, which has this name too, is imported.
public typealias Interconnect = Network
