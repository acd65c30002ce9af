import LinearAlgebra
import MPI
import Runtime

/// The rows of each batch that this rank works on, brought from the ranks that hold them: those of the next batch while this one is
/// worked on. Memory: two batches' shares to work on, and as much to send as this rank holds of two batches.
final class BatchRows<T: NetworkReal> {
  /// A batch's rows, good until the next but one is asked for.
  struct Batch {
    /// (own rows x features)
    let rows: MatrixView<T>
    /// A class a row.
    let labels: UnsafePointer<Int32>
    /// Of all ranks.
    let batchRows: Int
  }

  /// A batch on its way.
  private final class Slot {
    let rows: Matrix<T>
    let outgoing: Matrix<T>
    let labels: UnsafeMutableBufferPointer<Int32>
    let requests = RequestGroup()
    var count = 0

    init(rows: Int, outgoing: Int, features: Int) {
      self.rows = Matrix(uninitialisedRows: rows, columns: features)
      self.outgoing = Matrix(uninitialisedRows: outgoing, columns: features)
      labels = .allocate(capacity: max(1, rows))
    }

    deinit { labels.deallocate() }
  }

  private let context: Context
  private let plan: BatchPlan
  /// This rank's shard, (own rows x features).
  private let shard: Matrix<T>
  /// A class a class-sorted position.
  private let classes: [Int32]
  private let batch: Int
  private let slots: [Slot]
  private var order: [Int32] = []
  private var next = 0

  /// - Parameter batch: rows of a batch over all ranks, but for the last.
  init(_ shard: Matrix<T>, _ layout: Layout, batch: Int, _ context: Context) {
    (self.context, self.shard, self.batch) = (context, shard, min(batch, layout.sampleCount))
    plan = BatchPlan(layout: layout, rank: context.world.rank)
    classes = layout.classCounts.enumerated().flatMap { [Int32](repeating: Int32($0), count: $1) }
    let sizes = Self.sizes(layout, batch: batch, ranks: context.world.size)
    slots = (0..<2).map { _ in Slot(rows: sizes.rows, outgoing: sizes.outgoing, features: shard.columns) }
  }

  private static func sizes(_ layout: Layout, batch: Int, ranks: Int) -> (rows: Int, outgoing: Int) {
    let batch = min(batch, layout.sampleCount)
    let rows = BatchPlan.largestShare(of: batch, ranks: ranks)
    return (rows, ranks == 1 ? 0 : min(batch, layout.largestShard))
  }

  /// Elements of the two slots.
  static func elements(_ layout: Layout, batch: Int, features: Int) -> Int {
    let sizes = sizes(layout, batch: batch, ranks: layout.ranks)
    return 2 * (sizes.rows + sizes.outgoing) * features
  }

  /// Batches of an epoch.
  var count: Int { (order.count + batch - 1) / batch }

  private func range(_ number: Int) -> Range<Int> { (number * batch)..<min(order.count, (number + 1) * batch) }

  /// *Collective.* An epoch begins, or goes on with a batch. - Parameter order: of all class-sorted positions.
  func begin(_ order: [Int32], at first: Int) throws {
    self.order = order
    next = first
    if next < count { try start(next) }
  }

  /// *Collective.* The next batch; the one after it is sent for.
  func take() throws -> Batch {
    let slot = slots[next % 2]
    if !slot.requests.isEmpty { try context.timer.measure(.exchange) { try slot.requests.waitAll() } }
    let number = next
    next += 1
    if next < count { try start(next) }
    return Batch(
      rows: slot.rows.rows(0..<slot.count), labels: UnsafePointer(slot.labels.baseAddress!),
      batchRows: range(number).count)
  }

  /// *Collective.* Sends this rank's rows to those that work on them, and asks for its own part.
  private func start(_ number: Int) throws {
    let slot = slots[number % 2]
    let positions = order[range(number)]
    let world = context.world
    let tag = MessageTag.batch.rawValue
    var place = 0
    for holder in 0..<world.size {
      let wanted = plan.positions(positions, of: world.rank, heldBy: holder)
      for (k, position) in wanted.enumerated() { slot.labels[place + k] = classes[Int(position)] }
      let target = slot.rows.rows(place..<(place + wanted.count))
      if holder == world.rank {
        copy(wanted, into: target)
      } else if !wanted.isEmpty {
        slot.requests.add(try world.startReceive(target.elements, from: holder, tag: tag))
      }
      place += wanted.count
    }
    slot.count = place
    var sent = 0
    for worker in 0..<world.size where worker != world.rank {
      let wanted = plan.positions(positions, of: worker, heldBy: world.rank)
      if wanted.isEmpty { continue }
      let source = slot.outgoing.rows(sent..<(sent + wanted.count))
      copy(wanted, into: source)
      slot.requests.add(try world.startSend(UnsafeBufferPointer(source.elements), to: worker, tag: tag))
      sent += wanted.count
    }
  }

  /// *Local.* Rows of the own shard, by class-sorted position.
  private func copy(_ positions: [Int32], into target: MatrixView<T>) {
    let first = plan.layout.shard(of: plan.rank).lowerBound
    let shard = shard
    context.pool.forEachPart(of: positions.count) { range, _ in
      for k in range {
        (target.pointer + k * target.stride).update(
          from: shard.pointer + (Int(positions[k]) - first) * shard.columns, count: shard.columns)
      }
    }
  }

  /// *Local, blocking.* Waits for what is on its way, so that the epoch can be left.
  func drain() throws { for slot in slots { try slot.requests.waitAll() } }

  /// *Local.* Because of an error.
  func cancel() { for slot in slots { slot.requests.cancelAll() } }
}
