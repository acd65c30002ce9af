import LinearAlgebra
import Runtime

/// Rows that are not training samples, grouped by the centre nearest to them, so that they make tiles like those.
public struct GroupedRows<T: Real> {
  public let rows: Rows<T>
  /// Row i is sample order[i] of this rank's share.
  public let order: [Int]

  /// *Local.* Rows as they come, all with the centre 0.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public init(_ rows: Matrix<T>, layout: Layout, context: Context) {
    let segments = (0..<rows.rows).pieces(ofAtMost: layout.tileRows).map { Segment(rows: $0, centre: 0) }
    self.rows = Rows(
      rows, rowCount: rows.rows, centres: Matrix(rows: 1, columns: rows.columns), segments: segments,
      layout: layout, context: context)
    order = Array(0..<rows.rows)
  }

  /// The same rows after a step that changed their deviations and centres, not their order.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public init(_ deviations: Matrix<T>, centres: Matrix<Double>, like other: GroupedRows) {
    rows = Rows(
      deviations, rowCount: deviations.rows, centres: centres, segments: other.rows.segments, layout: other.rows.layout,
      context: other.rows.context)
    order = other.order
  }

  /// *Local.* The rows in the order of the nearest of some training rows' centres, as deviations from it.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public func regrouped(to training: Rows<T>) -> GroupedRows {
    let (centres, choices, pool) = (training.centres, training.layout.presentClasses, training.context.pool)
    let nearest = nearestCentres(centres, choices, pool)
    let sorted = nearest.indices.sorted { (nearest[$0], $0) < (nearest[$1], $1) }
    let deviations = Matrix<T>(uninitialisedRows: rows.rowCount, columns: rows.width)
    let old = self.rows
    let oldCentre = centreOfRow
    pool.forEachPart(of: sorted.count) { part, _ in
      let row = Matrix<Double>(uninitialisedRows: 1, columns: old.width)
      for i in part {
        old.read(row: sorted[i], centre: oldCentre[sorted[i]], into: row.buffer)
        let (target, centre) = (deviations.row(i), centres.row(nearest[sorted[i]]))
        for k in target.indices { target[k] = T(row.pointer[k] - centre[k]) }
      }
    }
    var segments: [Segment] = []
    var start = 0
    for choice in choices {
      let count = nearest.count { $0 == choice }
      segments += (start..<(start + count)).pieces(ofAtMost: training.layout.tileRows).map {
        Segment(rows: $0, centre: choice)
      }
      start += count
    }
    let regrouped = Rows(
      deviations, rowCount: deviations.rows, centres: centres, segments: segments, layout: training.layout,
      context: training.context)
    return GroupedRows(rows: regrouped, order: sorted.map { order[$0] })
  }

  private init(rows: Rows<T>, order: [Int]) {
    self.rows = rows
    self.order = order
  }

  private var centreOfRow: [Int] {
    rows.segments.flatMap { [Int](repeating: $0.centre, count: $0.rows.count) }
  }

  private func nearestCentres(_ centres: Matrix<Double>, _ choices: [Int], _ pool: ThreadPool) -> [Int] {
    let (rows, centreOfRow) = (self.rows, centreOfRow)
    let nearest = Matrix<Double>(rows: rows.rowCount, columns: 1)
    pool.forEachPart(of: rows.rowCount) { part, _ in
      let row = Matrix<Double>(uninitialisedRows: 1, columns: rows.width)
      for i in part {
        rows.read(row: i, centre: centreOfRow[i], into: row.buffer)
        var best = (distance: Double.infinity, choice: choices[0])
        for choice in choices {
          let centre = centres.row(choice)
          var sum = 0.0
          for k in centre.indices { sum += (row.pointer[k] - centre[k]) * (row.pointer[k] - centre[k]) }
          if sum < best.distance { best = (sum, choice) }
        }
        nearest[i, 0] = Double(best.choice)
      }
    }
    return nearest.buffer.map { Int($0) }
  }

  /// *Local.* Every row divided by its norm.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public func normalised() -> GroupedRows {
    let units = rows.normalised()
    return GroupedRows(units.deviations, centres: units.centres, like: self)
  }

  /// *Local.* Every row's image.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public func mapped(by map: FeatureMap<T>) -> GroupedRows {
    let image = rows.mapped(by: map)
    return GroupedRows(image.deviations, centres: image.centres, like: self)
  }
}
