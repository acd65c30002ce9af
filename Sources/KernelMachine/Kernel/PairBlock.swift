import LinearAlgebra
import Runtime

/// A worker's share of a product, in runs of so many eighths, the long ones first: all workers end together, though one be slower.
let workerRuns = [4, 2, 1, 1]

/// Neighbouring tiles cut into such runs, which cover all of them in order; none is empty. *Local.*
/// - Parameter elements: of each tile.
public func runs(of elements: [Int], workers: Int) -> [Range<Int>] {
  let shares = workers == 1 ? [1] : workerRuns.flatMap { [Int](repeating: $0, count: workers) }
  let (total, whole) = (elements.reduce(0, +), shares.reduce(0, +))
  var (runs, first, next, before, share) = ([Range<Int>](), 0, 0, 0, 0)
  for part in shares {
    share += part
    // A tile belongs to the run in whose share its middle lies.
    while next < elements.count && (2 * before + elements[next]) * whole < 2 * total * share {
      before += elements[next]
      next += 1
    }
    if first < next { runs.append(first..<next) }
    first = next
  }
  return runs
}

/// The tiles that a rank works on of one pair of row blocks, in one piece of memory as far as they are stored.
struct PairBlock<T: Real>: Sendable {
  /// The rank of the columns, and its rows.
  let other: Int
  let otherRows: Int
  private(set) var tiles: [KernelTile<T>]
  /// The stored tiles, one behind the other.
  private(set) var storage = Matrix<T>(uninitialisedRows: 1, columns: 0)

  /// *Local.* The tiles that `rank` works on with `other`, none stored yet.
  init(of rank: Int, with other: Int, _ layout: Layout) {
    let (own, columns) = (layout.sides(of: rank), layout.sides(of: other))
    let schedule = PairSchedule(rank: rank, ranks: layout.ranks)
    self.other = other
    otherRows = layout.shard(of: other).count
    tiles = schedule.tiles(own: own.map(\.whole), other: columns.map(\.whole), otherRank: other).map {
      KernelTile(own[$0.own], columns[$0.other], isDiagonal: other == rank && $0.own == $0.other)
    }
  }

  /// *Local.* Memory for the first tiles that have no factors, as many as fit. - Parameter isWanted: leaves others out, by their places.
  mutating func store(within bytes: Int, where isWanted: (Int) -> Bool = { _ in true }) {
    let (count, elements) = first(within: bytes, where: isWanted)
    storage = Matrix(uninitialisedRows: 1, columns: elements)
    var start = 0
    for index in 0..<count where tiles[index].lowRank == nil && isWanted(index) {
      tiles[index].storage = .dense(tiles[index].view(of: storage, at: start))
      start += tiles[index].elements
    }
  }

  /// *Local.* A tile's factors take its place.
  mutating func keep(_ factors: LowRankApproximation<T>, at index: Int) { tiles[index].storage = .lowRank(factors) }

  /// The first tiles of which those without factors fit, and their elements: the beginning of `storage`, if these are stored.
  func first(within bytes: Int, where isWanted: (Int) -> Bool = { _ in true }) -> (count: Int, elements: Int) {
    let limit = max(0, bytes) / MemoryLayout<T>.stride
    var (count, elements) = (0, 0)
    while count < tiles.count {
      let more = tiles[count].lowRank == nil && isWanted(count) ? tiles[count].elements : 0
      guard elements + more <= limit else { break }
      elements += more
      count += 1
    }
    return (count, elements)
  }

  /// The stored tiles in squares of at most `limit` rows and columns, so that one product serves all of a square; alone where it would
  /// make what nobody needs.
  func squares(limit: Int) -> [[Int]] {
    let stored = tiles.indices.filter { tiles[$0].dense != nil }
    let rows = Self.groups(of: stored.map { tiles[$0].rows.rows }, limit: limit)
    let columns = Self.groups(of: stored.map { tiles[$0].columns.rows }, limit: limit)
    var squares: [[Int]] = []
    var places: [Int: Int] = [:]
    for index in stored {
      let (row, column) = (tiles[index].rows.rows.lowerBound, tiles[index].columns.rows.lowerBound)
      let key = (rows[row] ?? 0) * (columns.count + 1) + (columns[column] ?? 0)
      if let place = places[key] {
        squares[place].append(index)
      } else {
        places[key] = squares.count
        squares.append([index])
      }
    }
    return squares.flatMap { square in
      let area = square.reduce(0) { $0 + tiles[$1].rows.rows.count * tiles[$1].columns.rows.count }
      let sides = (square.map { tiles[$0].rows.rows }.hull, square.map { tiles[$0].columns.rows }.hull)
      return area == sides.0.count * sides.1.count && !square.contains { tiles[$0].isDiagonal }
        ? [square] : square.map { [$0] }
    }
  }

  /// Neighbouring segments in groups of at most so many rows: each segment's group, by its first row.
  private static func groups(of segments: [Range<Int>], limit: Int) -> [Int: Int] {
    var (groups, group, first) = ([Int: Int](), 0, 0)
    for rows in Set(segments).sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if rows.upperBound - first > limit { (group, first) = (group + 1, rows.lowerBound) }
      groups[rows.lowerBound] = group
    }
    return groups
  }

  /// One tile behind the other as in memory: while the last rows of one are multiplied the next one's first are fetched.
  func runs(workers: Int) -> [Range<Int>] { KernelMachine.runs(of: tiles.map(\.productElements), workers: workers) }

  /// Bytes of all tiles, and of the stored ones.
  var bytes: Int { tiles.reduce(0) { $0 + $1.elements } * MemoryLayout<T>.stride }
  var storedBytes: Int { tiles.reduce(0) { $0 + $1.storedElements } * MemoryLayout<T>.stride }
  var storesAll: Bool { !tiles.contains(where: \.isRecomputed) }
  /// Bytes of the tiles that are stored whole.
  var denseBytes: Int { storage.count * MemoryLayout<T>.stride }
  /// Whether a product as exact as the rows makes tiles anew.
  var hasFactors: Bool { tiles.contains { $0.lowRank != nil } }
}
