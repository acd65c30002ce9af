import Files
import LinearAlgebra
import MPI

/// A data set whose answer is known: x is standard normal in `dimension` dimensions, and its class depends only
/// on its components along a few orthonormal directions. Everything else is noise, so the AGOP of a predictor
/// that has learned the classes lives in the span of `informativeDirections`.
///
/// The class: of the components along the directions, the one of largest magnitude and its sign make one of
/// 2 x `directions` cells; cell modulo `classCount`. Every direction matters, equally.
///
/// Numbers are counter-based: any rank makes any row.
public struct Synthetic: SampleReader {
  /// Sizes; the defaults are small enough for seconds and large enough to learn.
  public struct Shape: Sendable, Equatable, Codable {
    var train: Int
    var test: Int
    var dimension: Int
    var classCount: Int
    var directions: Int

    public init(
      train: Int = 2000, test: Int = 500, dimension: Int = 32, classCount: Int = 4,
      directions: Int = 3
    ) {
      self.train = train
      self.test = test
      self.dimension = dimension
      self.classCount = classCount
      self.directions = directions
    }
  }

  /// Orthonormal rows (directions x dimension).
  public let informativeDirections: Matrix<Double>
  public let sampleCount: Int
  public var featureCount: Int { informativeDirections.columns }
  private let classCount: Int
  private let stream: RandomStream

  /// Layers of the random stream.
  private enum Layer {
    static let directions = 0
    static let train = 1
    static let test = 2
  }

  /// Throws `InputError` where the sizes make no sense together.
  public init(_ split: Split, shape: Shape, seed: UInt64) throws {
    try Synthetic.check(shape)
    sampleCount = split == .train ? shape.train : shape.test
    classCount = shape.classCount
    stream = RandomStream(
      seed: seed, layer: split == .train ? Layer.train : Layer.test, purpose: .synthetic)
    informativeDirections = try Synthetic.orthonormal(
      shape, RandomStream(seed: seed, layer: Layer.directions, purpose: .synthetic))
  }

  private static func check(_ shape: Shape) throws {
    let path = "the synthetic data set"
    try Limits.checkFeatures(shape.dimension, of: path)
    guard shape.train > 0, shape.test >= 0, max(shape.train, shape.test) < 1 << 32 else {
      throw InputError(
        "\(path) cannot have \(shape.train) training and \(shape.test) test samples")
    }
    guard 1...shape.dimension ~= shape.directions else {
      throw InputError(
        "\(path) cannot have \(shape.directions) directions in \(shape.dimension) dimensions")
    }
    guard 1...2 * shape.directions ~= shape.classCount else {
      throw InputError(
        "\(path) takes 1 to \(2 * shape.directions) classes with \(shape.directions) directions, not"
          + " \(shape.classCount)")
    }
  }

  /// Gram and Schmidt on normal rows, twice each, which suffices for orthogonality to rounding (Kahan, Parlett).
  private static func orthonormal(_ shape: Shape, _ stream: RandomStream) throws -> Matrix<Double> {
    let basis = Matrix<Double>(rows: shape.directions, columns: shape.dimension)
    for i in 0..<shape.directions {
      let row = UnsafeMutableBufferPointer(
        start: basis.pointer + i * shape.dimension, count: shape.dimension)
      for column in row.indices { row[column] = stream.normal(row: i, column: column) }
      for _ in 0..<2 {
        for j in 0..<i {
          let other = UnsafeBufferPointer(
            start: basis.pointer + j * shape.dimension, count: shape.dimension)
          let overlap = dot(UnsafeBufferPointer(row), other)
          for column in row.indices { row[column] -= overlap * other[column] }
        }
        let norm = dot(UnsafeBufferPointer(row), UnsafeBufferPointer(row)).squareRoot()
        for column in row.indices { row[column] /= norm }
      }
    }
    return basis
  }

  private static func dot(_ a: UnsafeBufferPointer<Double>, _ b: UnsafeBufferPointer<Double>)
    -> Double
  {
    zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
  }

  public var place: String { "the synthetic data set" }

  public func labels(first count: Int) throws -> [Label] {
    try checkAsked(count, of: place)
    var labels: [Label] = []
    try readRows(Array(0..<count)) { _, values in labels.append(Label(label(values))) }
    return labels
  }

  private func label(_ values: UnsafeBufferPointer<Double>) -> Int {
    var cell = 0
    var largest = -1.0
    let count = informativeDirections.rows
    for direction in 0..<count {
      let row = informativeDirections.pointer + direction * featureCount
      let component = Synthetic.dot(values, UnsafeBufferPointer(start: row, count: featureCount))
      if abs(component) > largest {
        largest = abs(component)
        cell = component < 0 ? direction + count : direction
      }
    }
    return cell % classCount
  }

  public func readRows(
    _ indices: [Int],
    _ body: (_ position: Int, _ values: UnsafeBufferPointer<Double>) throws -> Void
  ) throws {
    let requests = try RowRequest.inFileOrder(
      indices, count: sampleCount, of: place)
    let row = UnsafeMutableBufferPointer<Double>.allocate(capacity: featureCount)
    defer { row.deallocate() }
    row.initialize(repeating: 0)
    for request in requests {
      for column in row.indices { row[column] = stream.normal(row: request.index, column: column) }
      try body(request.position, UnsafeBufferPointer(row))
    }
  }
}
