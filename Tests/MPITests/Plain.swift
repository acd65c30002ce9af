import DeepRFM
import Instruments
import KernelMachine
import LinearAlgebra

#if canImport(Glibc)
  import Glibc
#endif

/// The definitions, pair by pair in double precision: what the tiles have to agree with.
enum Plain {
  static func distance(_ x: Matrix<Double>, _ i: Int, _ z: Matrix<Double>, _ j: Int) -> Double {
    var sum = 0.0
    for k in 0..<x.columns { sum += (x[i, k] - z[j, k]) * (x[i, k] - z[j, k]) }
    return sum.squareRoot()
  }

  static func value(_ kernel: Kernel, _ distance: Double) -> Double {
    let s = kernel.bandwidth
    return kernel.kind == .laplace ? exp(-distance / s) : exp(-distance * distance / (2 * s * s))
  }

  /// k(Z, X); (rows of z x rows of x).
  static func kernel(_ kernel: Kernel, _ z: Matrix<Double>, _ x: Matrix<Double>) -> Matrix<Double> {
    let k = Matrix<Double>(rows: z.rows, columns: x.rows)
    for i in 0..<z.rows { for j in 0..<x.rows { k[i, j] = value(kernel, distance(z, i, x, j)) } }
    return k
  }

  /// f(Z) = k(Z, X) A.
  static func predict(
    _ kernel: Kernel, _ z: Matrix<Double>, _ x: Matrix<Double>, _ a: Matrix<Double>
  ) -> Matrix<Double> {
    product(self.kernel(kernel, z, x), a)
  }

  static func product(_ a: Matrix<Double>, _ b: Matrix<Double>) -> Matrix<Double> {
    let c = Matrix<Double>(rows: a.rows, columns: b.columns)
    for i in 0..<a.rows {
      for j in 0..<b.columns { for k in 0..<a.columns { c[i, j] += a[i, k] * b[k, j] } }
    }
    return c
  }

  /// M = sum over samples and outputs of grad f_c(x_i) grad f_c(x_i)^T, the term of a coincident point left out.
  static func agop(_ kernel: Kernel, _ x: Matrix<Double>, _ a: Matrix<Double>) -> Matrix<Double> {
    outerProducts(width: x.columns, samples: x.rows, classes: a.columns) { i, c in
      var gradient = [Double](repeating: 0, count: x.columns)
      for j in 0..<x.rows {
        let d = distance(x, i, x, j)
        guard d > 1e-12 else { continue }
        let s = kernel.bandwidth
        let weight = value(kernel, d) / (kernel.kind == .laplace ? s * d : s * s)
        for k in 0..<x.columns { gradient[k] += a[j, c] * weight * (x[j, k] - x[i, k]) }
      }
      return gradient
    }
  }

  /// The same from central differences of f alone: it knows no gradient's formula. The kernel of a coincident point is even in
  /// the step and drops out by itself.
  static func agopByDifferences(
    _ kernel: Kernel, _ x: Matrix<Double>, _ a: Matrix<Double>, step: Double = 1e-4
  ) -> Matrix<Double> {
    let point = Matrix<Double>(rows: 1, columns: x.columns)
    func f(_ i: Int, _ k: Int, _ offset: Double) -> Matrix<Double> {
      _ = point.row(0).update(fromContentsOf: x.row(i))
      point[0, k] += offset
      return predict(kernel, point, x, a)
    }
    var gradients: [[[Double]]] = []  // [sample][class][direction]
    for i in 0..<x.rows {
      var own = [[Double]](repeating: [], count: a.columns)
      for k in 0..<x.columns {
        // Fourth order: the error is step^4.
        let (near, far) = ((f(i, k, step), f(i, k, -step)), (f(i, k, 2 * step), f(i, k, -2 * step)))
        for c in 0..<a.columns {
          let difference = 8 * (near.0[0, c] - near.1[0, c]) - (far.0[0, c] - far.1[0, c])
          own[c].append(difference / (12 * step))
        }
      }
      gradients.append(own)
    }
    return outerProducts(width: x.columns, samples: x.rows, classes: a.columns) { gradients[$0][$1] }
  }

  private static func outerProducts(
    width: Int, samples: Int, classes: Int, _ gradient: (_ sample: Int, _ output: Int) -> [Double]
  ) -> Matrix<Double> {
    let m = Matrix<Double>(rows: width, columns: width)
    for i in 0..<samples {
      for c in 0..<classes {
        let g = gradient(i, c)
        for k in 0..<width { for l in 0..<width { m[k, l] += g[k] * g[l] } }
      }
    }
    return m
  }
}

/// |A - B|_F / |B|_F; |A|_F where B is 0.
func relativeError<E: Scalar>(_ a: Matrix<E>, _ b: Matrix<Double>) -> Double {
  guard a.rows == b.rows, a.columns == b.columns else { return .infinity }
  var (difference, size) = (0.0, 0.0)
  for k in 0..<a.count {
    let error = Double(a.pointer[k]) - b.pointer[k]
    difference += error * error
    size += b.pointer[k] * b.pointer[k]
  }
  return (difference / (size > 0 ? size : 1)).squareRoot()
}

/// Random numbers, the same on every rank.
func noise(_ rows: Int, _ columns: Int, seed: UInt64) -> Matrix<Double> {
  let random = RandomStream(seed: seed, layer: 1, purpose: .probe)
  let matrix = Matrix<Double>(rows: rows, columns: columns)
  for i in 0..<rows {
    for j in 0..<columns { matrix[i, j] = random.normal(row: i, column: j) }
  }
  return matrix
}

extension Kernel {
  static let both = [Kernel(.laplace, bandwidth: 2), Kernel(.gaussian, bandwidth: 0.8)]
  /// Small ones: the classes are tens to thousands of bandwidths apart.
  static let narrow = [
    Kernel(.laplace, bandwidth: 0.02), Kernel(.gaussian, bandwidth: 0.05),
    Kernel(.laplace, bandwidth: 0.0005),
  ]
}
