import LinearAlgebra
import Runtime

/// Makes a network's layers one behind the other: declares their parameters, makes their workspaces and counts the bytes. A plan is made
/// by the same code, with workspaces that are counted only.
public struct NetworkBuilder<T: NetworkReal> {
  /// The most rows that a rank has of a batch.
  let rows: Int
  /// Of the pool that will work: a scratch memory for each is so many times as large.
  let threads: Int
  /// Workspaces are counted, not made.
  let isPlan: Bool
  /// Of all workspaces so far.
  private(set) var bytes = 0
  package private(set) var parameters: [Parameter] = []
  package private(set) var statistics: [Statistic] = []
  package private(set) var layers: [any NetworkLayer<T>] = []
  /// Of each layer.
  private(set) var ranges: [Range<Int>] = []
  private(set) var scratchMemory: Scratch<T>?

  public init(rows: Int, threads: Int, isPlan: Bool = false) {
    self.rows = rows
    self.threads = threads
    self.isPlan = isPlan
  }

  /// *Local.* The network of its layers, the weights still to be filled.
  public func network(_ context: Context) -> Network<T> { Network(self, context) }

  private var parameterCount: Int { parameters.last?.range.upperBound ?? 0 }

  /// A parameter of the layer that is being made.
  public mutating func parameter(_ name: String, _ shape: [Int], _ initialisation: Initialisation) -> Parameter {
    let start = parameterCount
    let parameter = Parameter(
      name: name, shape: shape, range: start..<(start + shape.reduce(1, *)), initialisation: initialisation)
    parameters.append(parameter)
    return parameter
  }

  /// A statistic of the layer that is being made.
  mutating func statistic(_ name: String, count: Int, initial: Double) -> Statistic {
    add(Statistic(name: name, range: statisticRange(count), initial: initial, isCount: false))
  }

  /// A number of batches, from 0.
  mutating func batchCount(_ name: String) -> Statistic {
    add(Statistic(name: name, range: statisticRange(1), initial: 0, isCount: true))
  }

  private func statisticRange(_ count: Int) -> Range<Int> {
    let start = statistics.last?.range.upperBound ?? 0
    return start..<(start + count)
  }

  private mutating func add(_ statistic: Statistic) -> Statistic {
    statistics.append(statistic)
    return statistic
  }

  /// A workspace of so many elements a row of the batch.
  mutating func matrix(columns: Int) -> Matrix<T> { matrix(rows: rows, columns: columns) }

  /// A workspace of another number of rows.
  mutating func matrix<S: Scalar>(rows: Int, columns: Int, of type: S.Type = T.self) -> Matrix<S> {
    bytes += rows * columns * MemoryLayout<S>.stride
    return Matrix(uninitialisedRows: isPlan ? 0 : rows, columns: columns)
  }

  /// Memory that all layers share, of at least so many elements: what one layer's call leaves there is gone at the next one's.
  mutating func scratch(_ count: Int) -> Scratch<T> {
    let memory = scratchMemory ?? Scratch(isPlan: isPlan)
    scratchMemory = memory
    bytes += memory.grow(to: count)
    return memory
  }

  /// The layer that was made takes its place behind the others.
  public mutating func append(_ layer: any NetworkLayer<T>) {
    if let last = layers.last { precondition(last.output.count == layer.input.count, "layers do not fit") }
    let start = ranges.last?.upperBound ?? 0
    layers.append(layer)
    ranges.append(start..<parameterCount)
  }
}

/// Memory that a network's layers share, made when the largest of them is known.
final class Scratch<T: NetworkReal> {
  private let isPlan: Bool
  private var count = 0
  private var memory: Matrix<T>?

  init(isPlan: Bool) { self.isPlan = isPlan }

  /// Bytes more than before.
  func grow(to wanted: Int) -> Int {
    defer { count = max(count, wanted) }
    return max(0, wanted - count) * MemoryLayout<T>.stride
  }

  /// *Local.* Makes the memory; the network does, before the first pass.
  func make() { if memory == nil && !isPlan { memory = Matrix(uninitialisedRows: 1, columns: count) } }

  /// The first elements as a matrix of this shape, not cleared.
  func matrix(rows: Int, columns: Int) -> MatrixView<T> {
    guard let memory else { preconditionFailure("scratch before the network was made") }
    return memory.reshaped(rows: rows, columns: columns)
  }
}
