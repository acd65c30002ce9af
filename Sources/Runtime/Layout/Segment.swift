/// A run of rows of one shard that share a centre: samples of one class, at most a tile's height. Two segments make a tile:
///
///                    column segment
///                   +--------------+
///     row segment   |     tile     |     k(x_i, x_j) = k(|m_b - m_a|) + E_ij, a and b the segments' centres
///                   +--------------+
public struct Segment: Sendable, Equatable {
  /// Rows, counted from the shard's start.
  public var rows: Range<Int>
  /// Index of the row's centre: the class.
  public var centre: Int

  public init(rows: Range<Int>, centre: Int) {
    self.rows = rows
    self.centre = centre
  }
}

extension [Segment] {
  /// All of them as one; its centre is the first one's.
  public var whole: Segment { Segment(rows: rowRange, centre: first?.centre ?? 0) }

  /// From the first segment's first row to the last one's end.
  public var rowRange: Range<Int> {
    guard let first, let last else { return 0..<0 }
    return first.rows.lowerBound..<last.rows.upperBound
  }

  /// The segments in consecutive runs of at most `limit` rows, unless a single one has more.
  public func runs(ofAtMost limit: Int) -> [[Segment]] {
    var result: [[Segment]] = []
    for segment in self {
      if let run = result.last, run.rowRange.count + segment.rows.count <= limit {
        result[result.count - 1].append(segment)
      } else {
        result.append([segment])
      }
    }
    return result
  }

  /// The segments as sides of tiles: short neighbours, of small classes, are one side, of at most so many rows; any other is one alone.
  /// - Parameter cut: a row that no side goes across.
  public func sides(ofAtMost limit: Int, cut: Int = 0) -> [[Segment]] {
    reduce(into: []) { sides, segment in
      if let side = sides.last, let last = side.last,
        Swift.max(last.rows.count, segment.rows.count) <= Layout.shortSegment,
        segment.rows.upperBound - side.rowRange.lowerBound <= limit, segment.rows.lowerBound != cut
      {
        sides[sides.count - 1].append(segment)
      } else {
        sides.append([segment])
      }
    }
  }

  /// The segments of the first half of the rows, and the others.
  public var halves: (first: [Segment], second: [Segment]) {
    let range = rowRange
    let middle =
      firstIndex { $0.rows.lowerBound + $0.rows.upperBound > range.lowerBound + range.upperBound } ?? count
    return (Array(prefix(middle)), Array(suffix(from: middle)))
  }
}
