/// Which parameters each rank makes the step of: its share of every part of the vector of all parameters, the same in every step.
///
///     layers          0         | 1                 | 2      | 3     |      from the last to the first, as the backward pass goes
///     parts           2         | 1                 | 0              |      layers together until they are worth a message
///     shares, P = 2   r0 ' r1   | r0      ' r1      | r0     ' r1    |
package struct StepShares: Sendable {
  /// Elements of a part that is worth messages of its own.
  package static let leastPart = 1 << 16
  /// Shares end at multiples of so many elements, cache lines of any precision: no two ranks' loops meet in one.
  private static let unit = 64

  package let ranks: Int
  /// From the last to the first, one next to the other. One rank has a single part.
  package let parts: [Range<Int>]

  /// - Parameters:
  ///   - layers: of each layer in the vector of all parameters, one behind the other; may be empty.
  ///   - least: elements of a part, but for the last.
  package init(_ layers: [Range<Int>], ranks: Int, atLeast least: Int = StepShares.leastPart) {
    self.ranks = ranks
    var parts: [Range<Int>] = []
    var end = layers.last?.upperBound ?? 0
    for layer in layers.reversed() where layer.lowerBound < end {
      let isPart = ranks > 1 && end - layer.lowerBound >= least
      guard isPart || layer.lowerBound == 0 else { continue }
      parts.append(layer.lowerBound..<end)
      end = layer.lowerBound
    }
    self.parts = parts
  }

  /// A rank's elements of a part; a small part has none for some.
  package func share(of rank: Int, in part: Range<Int>) -> Range<Int> {
    start(of: rank, in: part)..<start(of: rank + 1, in: part)
  }

  private func start(of rank: Int, in part: Range<Int>) -> Int {
    if rank == ranks { return part.upperBound }
    return max(part.lowerBound, (part.lowerBound + part.count * rank / ranks) / Self.unit * Self.unit)
  }

  /// Gradient elements that a rank receives in a step: of its shares, from every other rank.
  package func arriving(at rank: Int) -> Int {
    parts.reduce(0) { $0 + (ranks - 1) * share(of: rank, in: $1).count }
  }

  /// The same of the rank that receives the most.
  var mostArriving: Int { (0..<ranks).map { arriving(at: $0) }.max() ?? 0 }
}
