import LinearAlgebra
import Runtime

extension ClassMoments {
  /// *Collective.* Two passes over the rows that all ranks hold together; nobody ever holds more than a block and what is known of the
  /// classes.
  /// - Parameters:
  ///   - labels: of the own rows, from 0; a row of a negative one is left out.
  ///   - classes: more than the largest label.
  ///   - map: the layer that takes these rows; nil: nothing is said of it.
  ///   - outputs: of a predictor, for the same rows, a column a class that has training rows, in their order; nil: the map's own, where it
  ///     has as many.
  ///   - training: the training rows' moments, among whose means the nearest is sought; nil: these rows' own.
  /// - Throws: what reading the rows throws, the same on all ranks.
  public init<Source: RowSource>(
    of source: Source, labels: [Int], classes: Int, map: LinearMap? = nil, outputs: (any RowSource)? = nil,
    training: ClassMoments? = nil, context: Context
  ) throws {
    precondition(labels.count == source.rowCount && map.map { $0.width == source.width } ?? true)
    let points = try ClassPoints(of: source, labels: labels, classes: classes, context: context)
    let present = (0..<classes).filter { points.counts[$0] > 0 }
    let before = points.offsets.rows(at: present).centredOnMean()
    let axes = try PrincipalAxes(of: before.rows, context: context)
    let heights = map?.heights(of: points.absolute)
    let candidates = training?.deviations ?? before.rows
    let hasOutputs = candidates.rows > 0 && (outputs?.width ?? map?.outputs) == candidates.rows
    let nearest =
      hasOutputs
      ? DeviationPass.NearestMeans(
        of: candidates, centre: training?.centre ?? before.mean, origin: training?.points.origin ?? points.origin,
        seenFrom: points)
      : nil
    let pass = DeviationPass(
      points: points, axes: axes, map: map, heights: heights, nearest: nearest, outputs: hasOutputs ? outputs : nil)
    let sums = try pass.sums(of: source, labels: labels, context: context)
    self.init(pass, sums, present)
  }

  private init(_ pass: DeviationPass, _ sums: DeviationPass.Sums, _ present: [Int]) {
    let points = pass.points
    self.points = points
    self.present = present
    counts = present.map { points.counts[$0] }
    width = points.width
    let shift = sums.deviations.dividedRows(by: points.counts)
    scatter = present.map { c in
      Self.corrected(
        sums.scatter.pointer[c],
        by: Double(points.counts[c]) * squaredNorm(shift.pointer + c * points.width, points.width))
    }
    let offsets = points.offsets
    for k in 0..<offsets.count { offsets.pointer[k] += shift.pointer[k] }
    let centred = offsets.rows(at: present).centredOnMean()
    (deviations, centre) = (centred.rows, centred.mean)
    let absolute = points.absolute
    squaredMeans = present.map { squaredNorm(absolute.pointer + $0 * points.width, points.width) }
    pseudoinverseTrace = Self.pseudoinverseTrace(pass.axes, sums, shift, points.counts, classes: present.count)
    linear = pass.map.map { Self.linearImage($0, sums, shift, points.counts, centred.rows) }
    activated = pass.map.flatMap { Self.activatedImage($0, pass.heights, sums, points.counts, present) }
    agreements = pass.nearest == nil ? nil : Int(sums.totals.pointer[2])
  }

  /// No rounding makes a sum of squares negative.
  private static func corrected(_ sum: Double, by correction: Double) -> Double { max(0, sum - correction) }

  /// sum over k of (1/N) sum_i (v_k . (x_i - m))^2 / lambda_k
  private static func pseudoinverseTrace(
    _ axes: PrincipalAxes, _ sums: DeviationPass.Sums, _ shift: Matrix<Double>, _ counts: [Int], classes: Int
  ) -> Double {
    guard axes.isRegular(classes: classes) else { return .nan }
    let shifts = Matrix<Double>(uninitialisedRows: shift.rows, columns: axes.vectors.rows)
    multiply(shift.view, axes.vectors.view, transposeB: true, into: shifts.view)
    var trace = 0.0
    for (k, eigenvalue) in axes.eigenvalues.enumerated() {
      let correction = counts.indices.reduce(0) { $0 + Double(counts[$1]) * shifts[$1, k] * shifts[$1, k] }
      trace += corrected(sums.axes.pointer[k], by: correction) / eigenvalue
    }
    return trace / Double(counts.reduce(0, +))
  }

  private static func linearImage(
    _ map: LinearMap, _ sums: DeviationPass.Sums, _ shift: Matrix<Double>, _ counts: [Int], _ deviations: Matrix<Double>
  ) -> Image {
    let image = { (rows: Matrix<Double>) in
      let result = Matrix<Double>(uninitialisedRows: rows.rows, columns: map.outputs)
      multiply(rows.view, map.weights.view, transposeB: true, into: result.view)
      return result
    }
    let shifts = image(shift)
    let correction = counts.indices.reduce(0) {
      $0 + Double(counts[$1]) * squaredNorm(shifts.pointer + $1 * map.outputs, map.outputs)
    }
    return Image(scatter: corrected(sums.totals.pointer[0], by: correction), deviations: image(deviations))
  }

  private static func activatedImage(
    _ map: LinearMap, _ heights: Matrix<Double>?, _ sums: DeviationPass.Sums, _ counts: [Int], _ present: [Int]
  ) -> Image? {
    guard let activation = map.activation, let heights else { return nil }
    let shift = sums.activated.dividedRows(by: counts)
    let correction = counts.indices.reduce(0) {
      $0 + Double(counts[$1]) * squaredNorm(shift.pointer + $1 * map.outputs, map.outputs)
    }
    let means = Matrix<Double>(uninitialisedRows: heights.rows, columns: map.outputs)
    means.fill { activation.value(at: heights[$0, $1]) + shift[$0, $1] }
    return Image(
      scatter: corrected(sums.totals.pointer[1], by: correction),
      deviations: means.rows(at: present).centredOnMean().rows)
  }
}

extension ClassPoints {
  /// The points themselves; (classes x width).
  var absolute: Matrix<Double> {
    guard let references else { return points }
    let result = points.copy()
    for k in 0..<result.count { result.pointer[k] += references.pointer[k] }
    return result
  }
}

extension DeviationPass.NearestMeans {
  /// - Parameters:
  ///   - deviations: m_c - m_G; (means x width).
  ///   - centre: m_G from `origin`; 1 x width each.
  init(of deviations: Matrix<Double>, centre: Matrix<Double>, origin: Matrix<Double>, seenFrom points: ClassPoints) {
    let places = points.points.copy()
    for c in 0..<places.rows {
      for k in 0..<places.columns {
        places[c, k] = ((points.references?[c, k] ?? 0) - origin[0, k]) + points.points[c, k] - centre[0, k]
      }
    }
    let offsets = Matrix<Double>(uninitialisedRows: places.rows, columns: deviations.rows)
    multiply(places.view, deviations.view, transposeB: true, into: offsets.view)
    let halves = (0..<deviations.rows).map {
      squaredNorm(deviations.pointer + $0 * deviations.columns, deviations.columns) / 2
    }
    offsets.fill { offsets[$0, $1] - halves[$1] }
    (self.deviations, self.offsets) = (deviations, offsets)
  }
}

extension Matrix<Double> {
  /// Each row over its count; rows of none are 0.
  fileprivate func dividedRows(by counts: [Int]) -> Matrix<Double> {
    let result = copy()
    for i in 0..<rows { for k in 0..<columns { result[i, k] /= Double(Swift.max(1, counts[i])) } }
    return result
  }
}
