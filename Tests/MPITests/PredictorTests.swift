import DeepRFM
import Instruments
import KernelMachine
import MPI
import Runtime
import Testing

@Suite(.serialized) struct PredictorTests {
  /// Each rank brings points of its own: rank r brings `counts[r mod counts.count]`, some none.
  private func check<T: Real>(
    _ shape: Shape, _ kernel: Kernel, _ type: T.Type, bound: Double, counts: [Int] = [5, 0, 9]
  ) throws {
    let world = try TestWorld.all
    let problem = try Problem<T>(
      shape.samples(), classCounts: shape.classCounts, world: world, tileRows: shape.tileRows)
    let a = noise(problem.x.rows, shape.classCounts.count, seed: 61)
    let count = counts[world.rank % counts.count]
    let points = noise(count, problem.x.columns, seed: 62 + UInt64(world.rank))
    // Some points are training samples.
    if count > 1 {
      for k in 0..<points.columns { points[1, k] = problem.x[problem.x.rows - 1, k] }
    }
    let grouped = GroupedRows<T>(points.converted(), layout: problem.layout, context: problem.context)
      .regrouped(to: problem.rows)
    #expect(Set(grouped.order) == Set(0..<count) && grouped.order.count == count)
    let predictor = Predictor<T>(
      kernel: kernel, rows: problem.rows)
    let outputs = try predictor.outputs(at: grouped, problem.own(a))
    let expected = Reference.outputs(kernel, at: points, problem.x, a)
    #expect(relativeError(outputs, expected) < bound, "\(shape) \(kernel)")
  }

  @Test(arguments: Shape.all, Kernel.both) func referenceImplementation(shape: Shape, kernel: Kernel) throws {
    try check(shape, kernel, Double.self, bound: 1e-13)
    try check(shape, kernel, Float.self, bound: 1e-5)
  }

  /// Points of a group lie near its centre, nearer than to any other.
  @Test func groupsAreOfTheNearestCentre() throws {
    let world = try TestWorld.all
    let shape = Shape(classCounts: [3, 1, 0, 7])
    let problem = try Problem<Double>(shape.samples(), classCounts: shape.classCounts, world: world)
    let points = noise(23, 6, seed: 71)
    let grouped = GroupedRows<Double>(points, layout: problem.layout, context: problem.context)
      .regrouped(to: problem.rows)
    #expect(grouped.rows.segments.reduce(0) { $0 + $1.rows.count } == 23)
    for segment in grouped.rows.segments {
      #expect(segment.rows.count <= 4)
      for i in segment.rows {
        let own = Reference.distance(points, grouped.order[i], problem.rows.centres, segment.centre)
        for other in [0, 1, 3] {
          #expect(own <= Reference.distance(points, grouped.order[i], problem.rows.centres, other))
        }
      }
    }
  }
}
