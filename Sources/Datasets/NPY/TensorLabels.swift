import Files

/// The labels of a tensor: one number a sample (n, n x 1 or 1 x n), or a row of numbers a sample: one-hot rows, or values to be predicted.
struct TensorLabels {
  private(set) var values: [Label] = []

  /// Throws `InputError`.
  init(_ array: InputArray, samples: Int) throws {
    let shape = array.shape
    let isFlat = shape.count == 1 || (shape.count == 2 && (shape[1] == 1 || (shape[0] == 1 && samples != 1)))
    guard isFlat || (shape.count == 2 && 1...Limits.classes ~= shape[1]) else {
      throw InputError("\(array.name) has the shape \(shape): one label a sample, or a row a sample is needed")
    }
    try Limits.checkSamples(isFlat ? array.rows * array.columns : array.rows, of: array.name, packed: array.packedBytes)
    try array.readRows(Array(0..<array.rows)) { row, numbers in
      if isFlat { values += numbers.map { .number($0) } } else { values.append(NPYLabels.label(numbers)) }
    }
  }
}
