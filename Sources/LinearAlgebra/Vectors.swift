/// Divides a vector by its Euclidean norm; a norm of no more than `limit` counts as zero, and zero stays zero. *Local.*
public func divideByNorm(_ x: UnsafeMutableBufferPointer<Double>, zeroBelow limit: Double = 0) {
  var sum = 0.0
  for value in x { sum += value * value }
  guard sum > limit * limit else { return x.update(repeating: 0) }
  let scale = 1 / sum.squareRoot()
  for k in x.indices { x[k] *= scale }
}
