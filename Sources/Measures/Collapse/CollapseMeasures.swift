import Files
import LinearAlgebra
import Runtime

/// Every measure of collapse of some rows (docs/collapse.md defines them and gives their sources). What is undefined or infinite is not a
/// number here, null in JSON, and has its reason among the warnings.
public struct CollapseMeasures: Sendable, Equatable {
  /// Within-class variability over what separates the classes.
  public struct Variability: Sendable, Equatable {
    /// tr S_W / (K tr S_B): arXiv 2402.13728, its code.
    public var paper = Double.nan
    /// tr S_W / tr S_B
    var traceQuotient = Double.nan
    /// tr(S_W S_B^+) / K: Papyan, Han, Donoho 2020.
    public var pseudoinverse = Double.nan
    /// Mean over pairs of (v_c + v_c') / (2 |m_c - m_c'|^2): Galanti, Gyorgy, Hutter 2022.
    var cdnv = Double.nan

    init() {}
    public var values: [Double] { [paper, traceQuotient, pseudoinverse, cdnv] }
  }

  /// How far the class means are from the corners of a simplex.
  public struct Simplex: Sendable, Equatable {
    public var paper = Double.nan
    var frobenius = Double.nan
    public var normVariation = Double.nan
    var cosineDeviation = Double.nan
    var cosineSpread = Double.nan

    init() {}
    public var values: [Double] { [paper, frobenius, normVariation, cosineDeviation, cosineSpread] }
  }

  /// The paper's NC1 and NC2 of what a layer W = U S V^T makes of the rows.
  public struct Decomposition: Sendable, Equatable {
    public struct Stages: Sendable, Equatable {
      public var input = Double.nan
      /// Of S V^T x. Those of W x are the same: U turns, and does not stretch.
      public var right = Double.nan
      /// Of activation(W x + b); nil: the activation is not known.
      public var output: Double?

      init() {}
    }
    public var nc1 = Stages()
    public var nc2 = Stages()

    init() {}
  }

  public var samples = 0
  public var width = 0
  public var classes = 0
  public var smallestClass = 0
  public var largestClass = 0
  public var nc1 = Variability()
  public var nc2 = Simplex()
  /// |W/|W|_F - D/|D|_F|_F, D the rows m_c - m_G; nil: there is no W of K outputs.
  public var selfDuality: Double?
  /// Share of rows whose largest output is the class of the nearest mean; nil: there are no outputs.
  public var nearestCentreAgreement: Double?
  public var correlation: FeatureCorrelation?
  public var decomposition: Decomposition?
  /// A sentence each.
  public var warnings: [String] = []

  init() {}
}

extension CollapseMeasures {
  /// *Local.* Of moments that all ranks have.
  /// - Parameter spacing: the distance from 1 to the next number of the type that the rows were stored in.
  public init(_ moments: ClassMoments, map: LinearMap? = nil, spacing: Double = .ulpOfOne, pool: ThreadPool) {
    self.init()
    samples = moments.sampleCount
    width = moments.width
    classes = moments.classCount
    smallestClass = moments.counts.min() ?? 0
    largestClass = moments.counts.max() ?? 0
    let variances = zip(moments.scatter, moments.counts).map { $0 / Double($1) }
    let geometry = MeanGeometry(of: moments.deviations, variances: variances, pool: pool)
    measureVariability(moments, geometry)
    measureSimplex(moments, geometry)
    if let map, map.outputs == classes { selfDuality = Self.selfDuality(map.weights, moments.deviations) }
    if let agreements = moments.agreements { nearestCentreAgreement = Double(agreements) / Double(samples) }
    decomposition = Self.decomposition(moments, pool)
    warnings = CollapseWarnings(self, moments, geometry, spacing: spacing).sentences
    dropUndefined(moments, geometry)
  }

  private mutating func measureVariability(_ moments: ClassMoments, _ geometry: MeanGeometry) {
    let (within, k) = (moments.scatter.reduce(0, +) / Double(samples), Double(classes))
    let between = moments.deviations.squaredSum / k
    nc1.paper = within / k / between
    nc1.traceQuotient = within / between
    nc1.pseudoinverse = moments.pseudoinverseTrace / k
    nc1.cdnv = geometry.distanceNormalisedVariance
  }

  private mutating func measureSimplex(_ moments: ClassMoments, _ geometry: MeanGeometry) {
    nc2.paper = geometry.paper
    nc2.frobenius = geometry.frobenius
    nc2.normVariation = geometry.normVariation
    nc2.cosineDeviation = geometry.cosineDeviation
    nc2.cosineSpread = geometry.cosineSpread
  }

  private static func selfDuality(_ weights: Matrix<Double>, _ deviations: Matrix<Double>) -> Double {
    let (w, d) = (weights.squaredSum.squareRoot(), deviations.squaredSum.squareRoot())
    var sum = 0.0
    for k in 0..<weights.count {
      let difference = weights.pointer[k] / w - deviations.pointer[k] / d
      sum += difference * difference
    }
    return sum.squareRoot()
  }

  private static func decomposition(_ moments: ClassMoments, _ pool: ThreadPool) -> Decomposition? {
    guard let linear = moments.linear else { return nil }
    let measured = { (scatter: Double, deviations: Matrix<Double>) in
      paperMeasures(scatter: scatter, samples: moments.sampleCount, deviations: deviations, pool: pool)
    }
    var result = Decomposition()
    (result.nc1.input, result.nc2.input) = measured(moments.scatter.reduce(0, +), moments.deviations)
    (result.nc1.right, result.nc2.right) = measured(linear.scatter, linear.deviations)
    if let activated = moments.activated {
      let output = measured(activated.scatter, activated.deviations)
      (result.nc1.output, result.nc2.output) = (output.nc1, output.nc2)
    }
    return result
  }

  /// Numbers that are made of rounding alone are not given.
  private mutating func dropUndefined(_ moments: ClassMoments, _ geometry: MeanGeometry) {
    // From one row a class nothing is known of the scatter within them.
    if samples == classes {
      nc1 = Variability()
      decomposition?.nc1.drop()
    }
    if moments.means == .equal {
      (nc1, nc2, selfDuality) = (Variability(), Simplex(), selfDuality.map { _ in .nan })
      decomposition?.nc1.drop()
      decomposition?.nc2.drop()
    } else if moments.means == .oneAtTheCentre {
      (nc2.paper, nc2.cosineDeviation, nc2.cosineSpread) = (.nan, .nan, .nan)
      decomposition?.nc2.input = .nan
    }
  }
}

extension CollapseMeasures.Decomposition.Stages {
  /// Not a number where there was one.
  fileprivate mutating func drop() { (input, right, output) = (.nan, .nan, output.map { _ in .nan }) }
}
