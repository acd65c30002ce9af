import LinearAlgebra

/// Signs with which the sketch adds up a sample's outputs: sigma_i (outputs), such that over any `order` consecutive samples
/// of the sorted set the products sigma_ic sigma_ic' of two different outputs add up to 0.
///
/// Sample i has row i mod m of the Hadamard matrix of order m (Sylvester's: the parity of the common bits of row and
/// column), each column with a random sign that is drawn anew for every m samples: so the products are 0 on average too,
/// whatever the gradients. They depend on the seed and the sample, not on who holds it.
public struct SketchSigns {
  let outputs: Int
  private let random: RandomStream

  public init(outputs: Int, random: RandomStream) {
    self.outputs = outputs
    self.random = random
  }

  /// m: the least power of two that has a column for each output.
  public var order: Int {
    var order = 1
    while order < outputs { order *= 2 }
    return order
  }

  /// sigma of some samples; (samples x outputs). - Parameter probe: each has signs of its own.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public func signs<T: Scalar>(_ samples: Range<Int>, probe: Int) -> Matrix<T> {
    let signs = Matrix<T>(uninitialisedRows: samples.count, columns: outputs)
    let order = self.order
    for (k, i) in samples.enumerated() {
      for c in 0..<outputs {
        let column = random.words(row: i / order, column: probe * order + c).0 & 1
        let isNegative = ((i % order) & c).nonzeroBitCount & 1 != Int(column)
        signs[k, c] = isNegative ? -1 : 1
      }
    }
    return signs
  }
}
