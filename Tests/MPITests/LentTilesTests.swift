import Instruments
import KernelMachine
import LinearAlgebra
import MPI
import Runtime
import Testing

/// What ranks lend each other for the AGOP where some tiles are thin factors: classes that go from one rank to the next have dense tiles on
/// both, and nearly all between classes have factors.
@Suite(.serialized) struct LentTilesTests {
  private static let shape = Shape(classCounts: [300, 200, 300], tileRows: 100)
  private static let kernel = Kernel(.laplace, bandwidth: 2)

  private func problem() throws -> Problem<Double> {
    try Problem<Double>(
      Self.shape.samples(spread: 0.03), classCounts: Self.shape.classCounts, world: TestWorld.all,
      tileRows: Self.shape.tileRows)
  }

  private func thin(_ problem: Problem<Double>) throws -> KernelOperator<Double> {
    let rule = TileCompression(tolerance: 3e-3, ridge: 1, samples: problem.x.rows)
    let matrix = try KernelOperator(Self.kernel, problem.rows, compression: rule)
    #expect(try matrix.compressionOfAll().share > 0.3)
    return matrix
  }

  /// Rank and first row of a tile's rows, and of its columns.
  private struct Place: Hashable {
    let rank, row, other, column: Int
  }

  /// A rank has the tiles that it holds and those of the others that they store whole, which give the weights that its rows give.
  @Test func denseTilesAreLentBesideFactors() throws {
    let problem = try problem()
    let (world, rows, matrix) = (problem.world, problem.rows, try thin(problem))
    var (own, stored): (Set<Place>, [Int]) = ([], [])
    matrix.forEachTile { other, tile, deviation in
      guard other != world.rank else { return }
      let (row, column) = (tile.rows.rows.lowerBound, tile.columns.rows.lowerBound)
      own.insert(Place(rank: world.rank, row: row, other: other, column: column))
      if deviation != nil { stored += [other, column, world.rank, row] }
    }
    let all = try world.allGather(stored).flatMap { $0 }
    let lent = Set(
      stride(from: 0, to: all.count, by: 4).map {
        Place(rank: all[$0], row: all[$0 + 1], other: all[$0 + 2], column: all[$0 + 3])
      })
    try matrix.beginTileExchange(limit: .max)
    for other in 0..<world.size { try matrix.waitForTiles(of: other) }
    let blocks = try problem.blocks()
    var borrowed = 0.0
    for other in 0..<world.size where other != world.rank {
      for row in rows.segments {
        for column in problem.layout.segments(of: other) {
          let place = Place(
            rank: world.rank, row: row.rows.lowerBound, other: other, column: column.rows.lowerBound)
          let out = Matrix<Double>(rows: row.rows.count, columns: column.rows.count)
          let isHere = matrix.fillWeights(row, blocks[other], of: other, column, into: out.view, worker: 0)
          #expect(isHere == (own.contains(place) || lent.contains(place)), "\(place)")
          guard lent.contains(place) else { continue }
          borrowed += 1
          let expected = Matrix<Double>(rows: out.rows, columns: out.columns)
          matrix.builder.build(.gradientWeight, rows, row, blocks[other], column, into: expected.view, worker: 0)
          #expect(relativeError(out, expected) < 1e-10, "\(place)")
        }
      }
    }
    try matrix.finishTileExchange()
    let borrowedByAll = try world.sum(borrowed)
    if world.size > 1 { #expect(borrowedByAll > 0) }
  }

  /// No rank borrows more than it may, though one wants twice as much; nor more than that when nothing limits it.
  @Test(arguments: [false, true]) func borrowedTilesKeepToTheLimit(isThin: Bool) throws {
    let problem = try problem()
    let world = problem.world
    let matrix = try isThin ? thin(problem) : problem.kernelMatrix(Self.kernel)
    func borrowed(within limit: Int) throws -> Int {
      let before = MatrixMemory.bytes
      try matrix.beginTileExchange(limit: limit)
      let bytes = MatrixMemory.bytes - before
      try matrix.finishTileExchange()
      #expect(MatrixMemory.bytes == before)
      return bytes
    }
    let wanted = try borrowed(within: .max)
    let most = try world.maximum(wanted)
    let limit = most / 2
    let taken = try borrowed(within: limit)
    let (takenOfAll, none) = (try world.sum(taken), try borrowed(within: 0))
    #expect(taken <= limit && taken <= wanted && none == 0)
    // Of dense tiles half of what it wants is more than one.
    if world.size > 1 { #expect(most > 0 && (isThin || takenOfAll > 0)) }
  }

  /// With all that can be borrowed, a part of it, and nothing.
  @Test(arguments: [AGOPRoute.class, .gram], [0, 200_000, Int.max])
  func agopIsThatOfDenseTiles(route: AGOPRoute, limit: Int) throws {
    let problem = try problem()
    let a = problem.own(noise(problem.x.rows, 4, seed: 51))
    func agop(_ tiles: KernelOperator<Double>) throws -> Matrix<Double> {
      try AGOP(of: problem.rows, Self.kernel, tiles: tiles, memory: AGOPMemory(remoteTiles: limit))
        .compute(a, by: route).matrix
    }
    let expected = try agop(problem.kernelMatrix(Self.kernel))
    #expect(relativeError(try agop(thin(problem)), expected) < 1e-3)
  }
}
