import DeepRFM
import KernelMachine
import LinearAlgebra
import Testing

/// An AGOP that cannot be one ends the layer; rounding does not.
@Suite struct AGOPRoundingTests {
  private func rounding(_ precision: Precision = .float32) -> AGOPRounding {
    AGOPRounding(samples: 4000, outputs: 10, width: 64, precision: precision)
  }

  @Test(arguments: [AGOPRoute.class, .gram, .sketch], Precision.allCases)
  func whatIsNotRounding(route: AGOPRoute, precision: Precision) throws {
    let (rounding, rest) = (rounding(precision), [Double](repeating: 0, count: 62))
    let bound = rounding.negativeShare(of: route)
    #expect(bound > 0 && bound < (precision == .float32 ? 0.01 : route == .gram ? 1.1e-8 : 1e-10))
    try rounding.require([1] + rest + [-0.5 * bound], of: route, layer: 2)
    // Any multiple of the AGOP.
    try rounding.require([1e-20] + rest + [-0.5e-20 * bound], of: route, layer: 2)
    for least in [-2 * bound, -0.3, -.infinity, .nan] {
      #expect(throws: UnsoundAGOP.self) { try rounding.require([1] + rest + [least], of: route, layer: 2) }
    }
  }

  @Test func nothingToDivide() throws {
    try rounding().require([0, 0, 0], of: .class, layer: 1)
    try rounding().require([], of: .class, layer: 1)
  }

  /// The bound holds what a Gram matrix in float32 really loses.
  @Test func aProductInFloat32() throws {
    let (rows, width) = (3000, 40)
    // All gradients nearly along one direction: the largest eigenvalue hides the others' digits.
    let g = Matrix<Float>(uninitialisedRows: rows, columns: width)
    let random = RandomStream(seed: 3, layer: 0, purpose: .probe)
    g.fill { i, k in Float(random.normal(row: i, column: width) + 1e-4 * random.normal(row: i, column: k)) }
    let square = Matrix<Float>(rows: width, columns: width)
    addGram(of: g.view, beta: 0, intoLower: square.view)
    mirrorLower(square.view)
    let values = try SymmetricEigen(of: square.converted(to: Double.self)).values
    let spectrum = [Double](values.reversed())
    let rounding = AGOPRounding(samples: rows, outputs: 1, width: width, precision: .float32)
    try rounding.require(spectrum, of: .class, layer: 1)
    #expect((spectrum.last ?? 0) < 0)
  }

  @Test func entriesThatAreNoNumbers() throws {
    for value in [Double.nan, .infinity, -.infinity] {
      let m = Matrix<Double>(rows: 3, columns: 3)
      let result = AGOP<Float>.Result(matrix: m, route: .gram, error: nil)
      try result.requireFinite(layer: 4)
      m[2, 1] = value
      let error = #expect(throws: UnsoundAGOP.self) { try result.requireFinite(layer: 4) }
      #expect(error?.sentence.hasPrefix("layer 4: entry (2, 1) of the AGOP by route gram is") == true)
    }
  }
}
