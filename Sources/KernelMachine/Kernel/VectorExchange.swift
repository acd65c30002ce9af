import LinearAlgebra
import MPI
import Runtime

/// The messages of one product: this rank's part of the vector to those that hold its tiles, their parts of the result
/// back. All are posted before the work begins and waited for where they are needed.
final class VectorExchange<V: Real> {
  /// This rank's part of the vector, in the precision of the product.
  let own: Matrix<V>
  private let world: Communicator
  private let messages: RequestGroup
  private var vectors: [Int: (message: Int, values: Matrix<V>)] = [:]
  private var results: [(message: Int, values: Matrix<Double>)] = []
  private var outgoing: [Matrix<Double>] = []

  /// *Local.* Posts all messages of the vector and of the results to come: every rank has to make one.
  init<T>(_ v: Matrix<Double>, operator k: KernelOperator<T>) throws {
    world = k.world
    messages = k.context.makeRequests()
    own = k.pool.converted(v, to: V.self)
    do {
      for partner in k.schedule.partners {
        let values = Matrix<V>(uninitialisedRows: k.layout.shard(of: partner).count, columns: v.columns)
        vectors[partner] = (
          messages.add(try world.startReceive(values.buffer, from: partner, tag: MessageTag.vector.rawValue)), values
        )
      }
      for holder in k.schedule.holders {
        messages.add(try world.startSend(UnsafeBufferPointer(own.buffer), to: holder, tag: MessageTag.vector.rawValue))
        let values = Matrix<Double>(uninitialisedRows: v.rows, columns: v.columns)
        results.append(
          (messages.add(try world.startReceive(values.buffer, from: holder, tag: MessageTag.result.rawValue)), values))
      }
    } catch {
      messages.cancelAll()
      throw error
    }
  }

  /// *Local.* A partner's part of the vector, once it is here.
  func vector(of rank: Int) throws -> Matrix<V> {
    guard rank != world.rank, let (message, values) = vectors[rank] else { return own }
    try messages.wait(message)
    return values
  }

  /// *Local.* Starts to send a partner its part of the result.
  func send(_ result: Matrix<Double>, to rank: Int) throws {
    outgoing.append(result)
    messages.add(try world.startSend(UnsafeBufferPointer(result.buffer), to: rank, tag: MessageTag.result.rawValue))
  }

  /// *Local.* The parts of the result that others made for this rank, in an order that does not depend on their arrival.
  func finish() throws -> [Matrix<Double>] {
    try messages.waitAll()
    return results.map(\.values)
  }

  func cancel() { messages.cancelAll() }
}
