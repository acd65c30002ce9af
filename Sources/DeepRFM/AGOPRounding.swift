import KernelMachine
import LinearAlgebra
import MPI
import Runtime

/// An AGOP that is not what every AGOP is: finite and, but for rounding, positive semidefinite.
public struct UnsoundAGOP: RankError, Equatable, CustomStringConvertible {
  public let sentence: String
  public var exitStatus: Int32 { 1 }
  public var description: String { sentence }
}

extension AGOP.Result {
  /// *Local.* Throws `UnsoundAGOP` unless all entries are finite: to be called before anything is divided by the largest of them.
  public func requireFinite(layer: Int) throws {
    guard let k = matrix.buffer.firstIndex(where: { !$0.isFinite }) else { return }
    let (row, column) = (k / matrix.columns, k % matrix.columns)
    throw UnsoundAGOP(
      sentence:
        "layer \(layer): entry (\(row), \(column)) of the AGOP by route \(route.rawValue) is \(matrix.pointer[k])")
  }
}

/// How far below 0 rounding alone takes the eigenvalues of an AGOP, by its route and sizes.
///
/// `class` and `sketch`: M is G^T G of m rows of gradients (m = N K, or N for each probe). However wrong G, that has no negative eigenvalue
/// but by the rounding E of the product: |E| <= g |G|^T |G| entry by entry, so ||E||_2 <= g ||G||_F^2 = g trace(M), and for a sum of m
/// products g = 8 sqrt(m) u with probability 1 - 2 exp(-32) if roundings are independent with mean 0, u half the distance of 1
/// to the next number (Higham, Mary, SIAM J. Sci. Comput. 41, A2815, 2019).
/// `gram`: three such products of depth N one inside the other, H^2, Q X and X^T T. They cancel to M from something larger, by how much
/// the sizes do not tell: a factor d is allowed for it, an allowance and not a bound that follows (`largePartsCancel` in the tests, d = 48, loses
/// some 1.8e-4 where sqrt(N) u is 2.1e-6), and half the digits in any case: of 5 samples, collapsed, it loses more than the factor.
/// In all, d units of double precision for the eigenvalues themselves.
public struct AGOPRounding: Sendable {
  /// N, K, d
  var samples, outputs, width: Int
  var precision: Precision

  public init(samples: Int, outputs: Int, width: Int, precision: Precision) {
    (self.samples, self.outputs, self.width, self.precision) = (samples, outputs, width, precision)
  }

  /// The most negative eigenvalue, its sign changed, over the sum of all.
  public func negativeShare(of route: AGOPRoute) -> Double {
    let unit = precision == .float32 ? Double(Float.ulpOfOne) / 2 : Double.ulpOfOne / 2
    let (n, k, d) = (Double(samples), Double(outputs), Double(width))
    let product =
      switch route {
      case .auto, .class: 8 * (n * k).squareRoot() * unit
      case .sketch: 8 * n.squareRoot() * unit
      case .gram: max(3 * 8 * n.squareRoot() * unit * d, unit.squareRoot())
      }
    return product + d * Double.ulpOfOne
  }

  /// *Local.* Throws `UnsoundAGOP` if an eigenvalue is not finite, or so negative that it is not rounding.
  /// - Parameters:
  ///   - spectrum: all eigenvalues, largest first, of the AGOP or any multiple of it.
  ///   - allowance: times what rounding explains.
  public func require(_ spectrum: [Double], of route: AGOPRoute, layer: Int, allowance: Double = 1) throws {
    guard let largest = spectrum.first, let least = spectrum.last else { return }
    let how = "layer \(layer): the AGOP by route \(route.rawValue)"
    guard spectrum.allSatisfy(\.isFinite) else {
      throw UnsoundAGOP(sentence: how + " has eigenvalues that are no numbers")
    }
    let bound = allowance * negativeShare(of: route) * spectrum.reduce(0) { $0 + abs($1) }
    guard least < -bound else { return }
    throw UnsoundAGOP(
      sentence: how
        + " is not positive semidefinite: its eigenvalues go from \(Float(least)) to \(Float(largest)) where "
        + "rounding explains \(Float(-bound))")
  }
}
