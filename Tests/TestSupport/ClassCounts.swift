import LinearAlgebra

/// Class counts as they come: some classes absent, some with one sample.
public func randomClassCounts(_ seed: UInt64) -> [Int] {
  let random = RandomStream(seed: seed, layer: 0, purpose: .probe)
  let classes = 1 + Int(random.uniform(row: 0, column: 0) * 12)
  let largest = [1.0, 5, 40, 200][Int(seed % 4)]
  return (0..<classes).map {
    let draw = random.uniform(row: 1, column: $0)
    return draw < 0.3 ? 0 : 1 + Int(largest * random.uniform(row: 2, column: $0))
  }
}
