import LinearAlgebra

extension ClassMoments {
  /// What rounding leaves of the class means' differences.
  enum MeanPlaces: Sendable, Equatable { case apart, oneAtTheCentre, equal }

  /// Whether the means can be told apart, and each from their mean: else cosines are those of rounding.
  var means: MeanPlaces {
    let lengths = (0..<classCount).map { squaredNorm(deviations.pointer + $0 * width, width).squareRoot() }
    // The means' own rounding: of their distance from the rows' common origin.
    let farthest = lengths.max() ?? 0
    let centreLength = centre.squaredSum.squareRoot()
    let rounding = 8 * Double.ulpOfOne * (farthest + centreLength)
    if classCount < 2 { return .equal }
    // Squares that overflow say nothing of it.
    guard rounding.isFinite else { return .apart }
    if farthest <= rounding { return .equal }
    return lengths.contains { $0 <= rounding } ? .oneAtTheCentre : .apart
  }
}

/// Why measures may lie, or are not there: a sentence each.
struct CollapseWarnings {
  private(set) var sentences: [String] = []

  init(_ measures: CollapseMeasures, _ moments: ClassMoments, _ geometry: MeanGeometry, spacing: Double) {
    let k = measures.classes
    if k == 1 { add("all \(measures.samples) rows are of one class: NC1 and NC2 compare classes, and are null") }
    if k > measures.width + 1 {
      add(
        "\(k) classes in \(measures.width) dimensions: no simplex of more than \(measures.width + 1) corners exists there, so that NC2"
          + " cannot reach 0")
    }
    checkMeans(measures, moments)
    checkScatter(measures, moments, spacing)
    checkFinite(measures, moments)
  }

  private mutating func add(_ sentence: String) { sentences.append(sentence) }

  private mutating func checkMeans(_ measures: CollapseMeasures, _ moments: ClassMoments) {
    guard measures.classes > 1 else { return }
    switch moments.means {
    case .apart: break
    case .equal: add("all class means are equal to rounding: NC1 and NC2 divide by their differences, and are null")
    case .oneAtTheCentre:
      add(
        "a class mean lies at the mean of them all, to rounding: it has no direction, and what is made of cosines is null"
      )
    }
  }

  private mutating func checkScatter(_ measures: CollapseMeasures, _ moments: ClassMoments, _ spacing: Double) {
    let single = moments.counts.count { $0 == 1 }
    if single == measures.classes {
      add("every class has one row: nothing is known of the scatter within classes, and NC1 is null")
      return
    }
    if single > 0 {
      add(
        "\(single) of \(measures.classes) classes \(single == 1 ? "has" : "have") one row, whose scatter is 0 by definition"
      )
    }
    // Half a spacing is what a stored number may be off by.
    let lost = moments.counts.indices.filter { c in
      let variance = moments.scatter[c] / Double(moments.counts[c])
      return moments.counts[c] > 1 && variance <= moments.squaredMeans[c] * spacing * spacing / 4
    }
    if !lost.isEmpty {
      add(
        "the scatter of \(lost.count) of \(measures.classes) classes is below the rounding of the numbers that the rows are stored in:"
          + " NC1 is that rounding's, or 0")
    }
  }

  /// Every null has a reason.
  private mutating func checkFinite(_ measures: CollapseMeasures, _ moments: ClassMoments) {
    guard measures.classes > 1, moments.means != .equal else { return }
    let sums = [measures.nc1.paper, measures.nc2.frobenius, measures.nc2.normVariation]
    if !sums.allSatisfy(\.isFinite) {
      add("squares of the rows overflow or vanish: what is made of them is null")
      return
    }
    if !moments.pseudoinverseTrace.isFinite {
      add(
        "an eigenvalue of S_B is below K eps times the largest: its pseudoinverse is lost in rounding, and nc1.pseudoinverse is null"
      )
    }
    if !measures.nc1.cdnv.isFinite { add("two class means are equal: nc1.cdnv divides by their distance, and is null") }
    if measures.selfDuality?.isFinite == false {
      add("the weights are all 0: nc3.selfDuality divides by their norm, and is null")
    }
    if let stages = measures.decomposition {
      let (nc1, nc2) = (stages.nc1, stages.nc2)
      let values = [nc1.right, nc2.right, nc1.output ?? 0, nc2.output ?? 0]
      if !values.allSatisfy(\.isFinite) {
        add(
          "the layer makes all class means equal, or one of them their mean: what the decomposition divides by that is null"
        )
      }
    }
  }
}
