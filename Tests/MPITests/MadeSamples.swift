import Datasets
import Files

/// Samples in memory, as a data set's reader gives them.
struct MadeSamples: SampleReader {
  let rows: [[Double]]
  let labels: [Label]
  var place = "made"
  var sampleCount: Int { rows.count }
  var featureCount: Int { rows[0].count }

  func labels(first count: Int) throws -> [Label] { Array(labels.prefix(count)) }

  func readRows(
    _ indices: [Int], _ body: (_ position: Int, _ values: UnsafeBufferPointer<Double>) throws -> Void
  ) throws {
    for (position, index) in indices.enumerated() { try rows[index].withUnsafeBufferPointer { try body(position, $0) } }
  }
}
