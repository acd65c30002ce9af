import LinearAlgebra
import Runtime

/// When a tile of the kernel between two centres becomes two thin factors, and how much these may lose.
public struct TileCompression: Sendable, Equatable {
  /// Of |E - L R| / |E|, in the Frobenius norm.
  public var tolerance: Double
  /// Of the root mean square of the entries of E - L R.
  public var largestEntry: Double

  /// Beside the tolerance of a gradient's weight: the solver's K must keep more digits than the AGOP's sums.
  private static var share: Double { 1.0 / 3 }

  /// For a solve with a ridge. What is lost, all tiles together, is as noise of that size: its norm is 2 sqrt(N) times its entries', half of
  /// the ridge at most, so that K + ridge I stays positive definite. Without a ridge no tile becomes factors.
  public init(tolerance: Double, ridge: Double, samples: Int) {
    self.tolerance = Self.share * tolerance
    largestEntry = ridge / (4 * Double(max(1, samples)).squareRoot())
  }
}

/// What factors gained in place of dense rectangles, and what they lose.
public struct CompressionLog: Sendable, Equatable {
  /// Elements of what was tried, and of these what need not be kept.
  private(set) var tried = 0.0
  private(set) var gained = 0.0
  /// Elements that factors stand for.
  public private(set) var replaced = 0.0
  /// Sums of squares of what is lost, and of what was there.
  private(set) var lost = 0.0
  private(set) var whole = 0.0

  init() {}

  /// As `values` gave it. Throws `CheckpointError`.
  init(_ values: [Double]) throws {
    guard values.count == 5 else { throw CheckpointError("its account of low-rank tiles makes no sense") }
    (tried, gained, replaced, lost, whole) = (values[0], values[1], values[2], values[3], values[4])
  }

  var values: [Double] { [tried, gained, replaced, lost, whole] }

  /// Before anything was tried as many as this are: if they do not gain, neither will the rest.
  static var pilots: Int { 4 }

  /// Whether so far at least a quarter of what was tried is gained; true before the first.
  var pays: Bool { gained >= 0.25 * tried }
  var isOpen: Bool { tried == 0 }

  mutating func note<T>(_ factors: LowRankApproximation<T>?, rows: Int, columns: Int) {
    tried += Double(rows * columns)
    guard let factors else { return }
    gained += Double(rows * columns - factors.rank * (rows + columns))
    replaced += Double(rows * columns)
    lost += factors.squares.left
    whole += factors.squares.all
  }
}

/// How much of all ranks' tiles, or of the AGOP's weights, is thin factors, and what these lose.
public struct Compression: Sendable, Equatable {
  /// Share of the entries that factors stand for.
  public var share = 0.0
  /// Relative, in the Frobenius norm, of all that factors stand for; known, not estimated.
  public var error = 0.0

  public init(share: Double = 0, error: Double = 0) { (self.share, self.error) = (share, error) }

  /// *Collective.* - Parameter elements: this rank's entries, all of them.
  init(of log: CompressionLog?, elements: Int, _ context: Context) throws {
    let sums = Matrix<Double>(
      rows: 1, columns: 4, [Double(elements)] + (log.map { [$0.replaced, $0.lost, $0.whole] } ?? [0, 0, 0]))
    try context.communicating { try context.world.sum(sums.buffer) }
    share = sums[0, 0] > 0 ? sums[0, 1] / sums[0, 0] : 0
    error = sums[0, 3] > 0 ? (sums[0, 2] / sums[0, 3]).squareRoot() : 0
  }
}

/// What is needed to make factors: random signs, and what they may cost.
struct Sketching<T: Real>: Sendable {
  let tolerance: Double
  let largestEntry: Double
  private let multiplied: Double
  private let probes: Matrix<T>

  /// Sides below this are not worth a sketch.
  static var leastSide: Int { 64 }

  /// What a rank costs to make, in columns that a dense rectangle is multiplied by: three products as thin as a batch, at a third of the rate
  /// of large ones.
  private static var making: Double { 9 }

  /// - Parameters:
  ///   - rows, columns: of the largest rectangle.
  ///   - multiplied: columns that each rectangle is multiplied by; infinite: so often that the making does not count.
  init(
    tolerance: Double, largestEntry: Double = .infinity, rows: Int, columns: Int, multiplied: Double = .infinity
  ) {
    (self.tolerance, self.largestEntry, self.multiplied) = (tolerance, largestEntry, multiplied)
    probes = Matrix(uninitialisedRows: columns, columns: Self.limit(rows, columns, multiplied: multiplied))
    let random = RandomStream(seed: 0, layer: 0, purpose: .tileProbes)
    for j in 0..<columns {
      for first in stride(from: 0, to: probes.columns, by: 32) {
        let signs = random.words(row: j, column: first / 32).0
        for k in first..<min(first + 32, probes.columns) {
          probes[j, k] = signs >> UInt32(k - first) & 1 == 0 ? 1 : -1
        }
      }
    }
  }

  static func bytes(rows: Int, columns: Int, multiplied: Double) -> Int {
    columns * limit(rows, columns, multiplied: multiplied) * MemoryLayout<T>.stride
  }

  /// The highest rank at which factors take at most half of the rectangle's memory, and no more operations than it, their making counted.
  static func limit(_ rows: Int, _ columns: Int, multiplied: Double) -> Int {
    guard rows > 0 && columns > 0 else { return 0 }
    let even = 1 / (1 / Double(rows) + 1 / Double(columns) + making / multiplied)
    let rank = min(rows * columns / (2 * (rows + columns)), Int(even))
    return rank / LowRankApproximation<T>.batch * LowRankApproximation<T>.batch
  }

  /// *Local.* Factors of a rectangle, in place of which is left what they lose; nil: they do not pay.
  func factors(of rectangle: MatrixView<T>) -> LowRankApproximation<T>? {
    LowRankApproximation(
      sketching: rectangle, tolerance: tolerance, largestEntry: largestEntry,
      limit: Self.limit(rectangle.rows, rectangle.columns, multiplied: multiplied), probes: probes.view)
  }

  /// Whether it is worth trying: between two centres, large enough, and without pairs of equal rows, whose entries stand out.
  static func isWorthwhile(_ rows: Segment, _ own: Rows<T>, _ columns: Segment, _ other: Rows<T>) -> Bool {
    guard rows.centre != columns.centre, min(rows.rows.count, columns.rows.count) >= leastSide else { return false }
    guard !own.layout.copies.isEmpty else { return true }
    let copies = Set(rows.rows.map { own.copy($0) }).subtracting([0])
    return copies.isDisjoint(with: columns.rows.map { other.copy($0) })
  }
}

/// A place for what a task makes.
final class TaskResult<Value>: @unchecked Sendable {
  var value: Value?
}
