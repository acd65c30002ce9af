import LinearAlgebra
import MPI
import Runtime

/// The step of a network's parameters, of which each rank makes its shares (`StepShares`) while the backward pass goes on. One for a
/// network.
///
/// As soon as a part of the gradient is whole, every rank sends the others their shares of it, adds up its own, makes the step of
/// these parameters, and sends the new values:
///
///     rank 0    [ own g + g of rank 1 |                     ]    step    [ own w | w of rank 1 ]
///     rank 1    [                     | own g + g of rank 0 ]    step    [ w of rank 0 | own w ]
///
/// A rank sends and receives as much as in an all-reduce, 2 (P - 1) / P of the parameters (of several ranks on a node more leaves the
/// node), but makes 1 / P of the step, which is bound by memory. Weights may change as soon as their gradient is whole: the backward pass
/// is past their layer then.
///
/// All messages are between two ranks: a nonblocking reduce-scatter of Open MPI takes everything through rank 0. Terms are added
/// here, in the order of the ranks from the share's own on, so that the bytes depend neither on the MPI nor on who comes first.
package final class SharedStep<T: NetworkReal> {
  /// A part of the gradient, and what arrives of it.
  private final class Part {
    let range, own: Range<Int>
    /// The other ranks' terms of this rank's share, in the order of `peers`; ((ranks - 1) x share).
    let terms: Matrix<T>
    let arriving = RequestGroup()

    init(_ range: Range<Int>, own: Range<Int>, ranks: Int) {
      (self.range, self.own) = (range, own)
      terms = Matrix(uninitialisedRows: ranks - 1, columns: own.count)
    }
  }

  private let weights: NetworkWeights<T>
  private let optimizer: Optimizer<T>
  private let context: Context
  private let shares: StepShares
  private let parts: [Part]
  /// The other ranks, from the next one on: not all begin with the same.
  private let peers: [Int]
  /// What each rank wishes at the step's end; (1 x ranks).
  private let wishes: Matrix<Double>
  /// All messages but the terms: those that are sent, and values and wishes that arrive.
  private let others = RequestGroup()
  /// Where the gradient is whole from.
  private var whole = 0
  /// Parts on their way, and those of which this rank has made its share of the step.
  private var sent = 0
  private var stepped = 0

  /// - Parameter shares: of the network's layers, for as many ranks as there are.
  package init(
    _ weights: NetworkWeights<T>, _ shares: StepShares, _ optimizer: Optimizer<T>, _ context: Context
  ) {
    let world = context.world
    precondition(shares.ranks == world.size, "shares for \(shares.ranks) ranks")
    (self.weights, self.shares, self.optimizer, self.context) = (weights, shares, optimizer, context)
    parts = shares.parts.map { Part($0, own: shares.share(of: world.rank, in: $0), ranks: world.size) }
    peers = (1..<world.size).map { (world.rank + $0) % world.size }
    wishes = Matrix(rows: 1, columns: world.size)
  }

  /// *Collective.* A new gradient begins, and its step. - Parameter wish: this rank's, to stop or to save.
  package func begin(_ wish: Wish) throws {
    (whole, sent, stepped) = (weights.count, 0, 0)
    optimizer.beginStep()
    let (world, tag) = (context.world, MessageTag.wish.rawValue)
    wishes.pointer[world.rank] = wish.term
    let own = Self.elements(world.rank..<(world.rank + 1), of: wishes)
    for peer in peers {
      others.add(try world.startReceive(Self.elements(peer..<(peer + 1), of: wishes), from: peer, tag: tag))
      others.add(try world.startSend(UnsafeBufferPointer(own), to: peer, tag: tag))
    }
  }

  /// *Collective.* This range of the gradient is whole, and the pass needs its weights no more; it lies below the last one. Whatever has
  /// arrived by now is put to use.
  package func add(_ range: Range<Int>) throws {
    precondition(range.upperBound == whole, "parts of a gradient come from the last to the first")
    whole = range.lowerBound
    while sent < parts.count, parts[sent].range.lowerBound >= whole {
      try send(parts[sent])
      sent += 1
    }
    try others.progress()
    while stepped < sent, try parts[stepped].arriving.progress() { try stepNext() }
  }

  /// *Collective.* Waits until every rank has the new values of all parameters. Returns the largest wish.
  package func finish() throws -> Wish {
    precondition(sent == parts.count, "a step of a gradient that is not whole")
    while stepped < parts.count { try stepNext() }
    try context.timer.measure(.exchange) { try others.waitAll() }
    return Wish(sum: wishes.buffer.reduce(0, +))
  }

  /// *Collective.* Gives every rank all of what the optimiser keeps, of which each has kept up its shares: to be saved.
  package func gatherMemory() throws {
    for vector in optimizer.memory {
      for part in parts {
        try startReceiving(vector, part)
        try startSending(vector, part)
      }
      try others.waitAll()
    }
  }

  /// *Local.* Because of an error.
  package func cancel() {
    others.cancelAll()
    for part in parts { part.arriving.cancelAll() }
  }

  // MARK: A part

  /// To each rank its share; and what will arrive has its place.
  private func send(_ part: Part) throws {
    let (world, tag) = (context.world, MessageTag.gradient.rawValue)
    for (row, peer) in peers.enumerated() where !part.own.isEmpty {
      part.arriving.add(try world.startReceive(part.terms.row(row), from: peer, tag: tag))
    }
    try startReceiving(weights.values, part)
    for peer in peers {
      let theirs = shares.share(of: peer, in: part.range)
      if theirs.isEmpty { continue }
      let term = Self.elements(theirs, of: weights.gradients)
      others.add(try world.startSend(UnsafeBufferPointer(term), to: peer, tag: tag))
    }
  }

  /// This rank's share of the next part's step, once all terms are there.
  private func stepNext() throws {
    let part = parts[stepped]
    stepped += 1
    try context.timer.measure(.exchange) { try part.arriving.waitAll() }
    optimizer.step(weights, part.own, context.pool, adding: part.terms)  // w <- w - lr v
    try startSending(weights.values, part)
  }

  /// The others' shares of a part of a vector.
  private func startReceiving(_ vector: Matrix<T>, _ part: Part) throws {
    for peer in peers {
      let theirs = shares.share(of: peer, in: part.range)
      if theirs.isEmpty { continue }
      let place = Self.elements(theirs, of: vector)
      others.add(try context.world.startReceive(place, from: peer, tag: MessageTag.parameters.rawValue))
    }
  }

  /// This rank's share of it.
  private func startSending(_ vector: Matrix<T>, _ part: Part) throws {
    for peer in peers where !part.own.isEmpty {
      let own = UnsafeBufferPointer(Self.elements(part.own, of: vector))
      others.add(try context.world.startSend(own, to: peer, tag: MessageTag.parameters.rawValue))
    }
  }

  private static func elements<S: Scalar>(_ range: Range<Int>, of vector: Matrix<S>) -> UnsafeMutableBufferPointer<S> {
    UnsafeMutableBufferPointer(rebasing: vector.buffer[range])
  }
}
