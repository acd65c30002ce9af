import LinearAlgebra
import MPI
import Runtime

/// The messages of one product: this rank's part of the vector to those that hold its tiles, their parts of the result
/// back. All are posted before the work begins and waited for where they are needed.
final class VectorExchange<V: Real> {
  /// This rank's part of the vector, in the precision of the product.
  let own: MatrixView<V>
  private let world: Communicator
  private let messages: RequestGroup
  private var vectors: [Int: (message: Int, values: MatrixView<V>)] = [:]
  private var results: [(message: Int, values: MatrixView<Double>)] = []

  /// *Local.* Posts all messages of the vector and of the results to come: every rank has to make one.
  init<T>(_ v: Matrix<Double>, operator k: KernelOperator<T>) throws {
    world = k.world
    messages = k.context.makeRequests()
    let memory = k.workspace.vectors(V.self)
    own = memory.own.matrix(rows: v.rows, columns: v.columns)
    k.pool.convert(v.view, into: own)
    do {
      for partner in k.schedule.partners {
        let values = memory.partner(partner).matrix(rows: k.layout.shard(of: partner).count, columns: v.columns)
        vectors[partner] = (
          messages.add(try world.startReceive(values.elements, from: partner, tag: MessageTag.vector.rawValue)), values
        )
      }
      for (place, holder) in k.schedule.holders.enumerated() {
        messages.add(
          try world.startSend(UnsafeBufferPointer(own.elements), to: holder, tag: MessageTag.vector.rawValue))
        let values = k.workspace.arrived[place].matrix(rows: v.rows, columns: v.columns)
        results.append(
          (messages.add(try world.startReceive(values.elements, from: holder, tag: MessageTag.result.rawValue)), values)
        )
      }
    } catch {
      messages.cancelAll()
      throw error
    }
  }

  /// *Local.* A partner's part of the vector, once it is here.
  func vector(of rank: Int) throws -> MatrixView<V> {
    guard rank != world.rank, let (message, values) = vectors[rank] else { return own }
    try messages.wait(message)
    return values
  }

  /// *Local.* Starts to send a partner its part of the result.
  func send(_ result: MatrixView<Double>, to rank: Int) throws {
    messages.add(try world.startSend(UnsafeBufferPointer(result.elements), to: rank, tag: MessageTag.result.rawValue))
  }

  /// *Local.* The parts of the result that others made for this rank, in an order that does not depend on their arrival.
  func finish() throws -> [MatrixView<Double>] {
    try messages.waitAll()
    return results.map(\.values)
  }

  func cancel() { messages.cancelAll() }
}
