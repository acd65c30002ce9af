import LinearAlgebra
import Network
import Testing

extension NetworkProblem {
  /// A fully-connected layer to this shape, `layer`, and another fully-connected one.
  static func builder<Layer: NetworkLayer<Double>>(
    around shape: FeatureShape, rows: Int, _ layer: (inout NetworkBuilder<Double>) -> Layer
  ) -> NetworkBuilder<Double> {
    var builder = NetworkBuilder<Double>(rows: rows, threads: 2)
    builder.append(Linear("first", from: FeatureShape(3), to: shape.count, .constant(0), &builder))
    let middle = layer(&builder)
    builder.append(middle)
    builder.append(Linear("last", from: middle.output, to: 2, .constant(0), &builder))
    return builder
  }

  static func around<Layer: NetworkLayer<Double>>(
    _ shape: FeatureShape, batchRows: Int, _ layer: (inout NetworkBuilder<Double>) -> Layer
  ) throws -> NetworkProblem {
    try NetworkProblem(input: FeatureShape(3), batchRows: batchRows) { builder(around: shape, rows: $0, layer) }
  }

  /// A parameter's values; throws where there is none of this name.
  func values(_ name: String) throws -> [Double] {
    let parameter = try #require(network.weights.parameters.first { $0.name == name })
    return Array(network.weights.matrix(parameter).elements)
  }

  /// Expects of the layer in the middle what `reference` makes of each row of its input, or, of all rows together.
  func expectLayer(_ reference: ([[Double]]) -> [[Double]]) throws {
    var rows: [[[Double]]] = []
    _ = try network.forward(x.view, .train, batchRows: batchRows) { _, _, output in
      rows.append((0..<output.rows).map { Array(output.row($0)) })
    }
    let expected = reference(rows[0])
    #expect(rows[1].count == expected.count)
    let scale = max(1, expected.joined().map { abs($0) }.max() ?? 0)
    for (found, wanted) in zip(rows[1], expected) {
      #expect(found.count == wanted.count)
      for (a, b) in zip(found, wanted) { #expect(abs(a - b) <= 1e-13 * scale) }
    }
  }
}

/// The layers as they are written down.
enum LayerReference {
  static func convolution(
    _ x: [[Double]], _ shape: FeatureShape, _ weights: [Double], _ bias: [Double]?, outputs: Int, kernel: Int,
    stride: Int, padding: Int
  ) -> [[Double]] {
    windows(x, shape, channels: outputs, kernel: kernel, stride: stride, padding: padding) { row, o, taps in
      taps.reduce(bias?[o] ?? 0) { sum, tap in
        (0..<shape.channels).reduce(sum) { sum, i in
          let weight = weights[((o * shape.channels + i) * kernel + tap.ky) * kernel + tap.kx]
          return sum + weight * row[(i * shape.height + tap.row) * shape.width + tap.column]
        }
      }
    }
  }

  static func maxPool(_ x: [[Double]], _ shape: FeatureShape, kernel: Int, stride: Int, padding: Int) -> [[Double]] {
    windows(x, shape, channels: shape.channels, kernel: kernel, stride: stride, padding: padding) { row, c, taps in
      taps.map { row[(c * shape.height + $0.row) * shape.width + $0.column] }.max() ?? .nan
    }
  }

  private typealias Tap = (ky: Int, kx: Int, row: Int, column: Int)

  /// A value for each channel and position, made of the taps that meet the image.
  private static func windows(
    _ x: [[Double]], _ shape: FeatureShape, channels: Int, kernel: Int, stride: Int, padding: Int,
    _ value: (_ row: [Double], _ channel: Int, _ taps: [Tap]) -> Double
  ) -> [[Double]] {
    let height = (shape.height + 2 * padding - kernel) / stride + 1
    let width = (shape.width + 2 * padding - kernel) / stride + 1
    return x.map { row in
      var values: [Double] = []
      for channel in 0..<channels {
        for i in 0..<height {
          for j in 0..<width {
            var taps: [Tap] = []
            for ky in 0..<kernel {
              for kx in 0..<kernel {
                let (r, c) = (i * stride + ky - padding, j * stride + kx - padding)
                if (0..<shape.height).contains(r) && (0..<shape.width).contains(c) { taps.append((ky, kx, r, c)) }
              }
            }
            values.append(value(row, channel, taps))
          }
        }
      }
      return values
    }
  }

  /// A pixel belongs to bin i of m over n where it shares a part with (i n / m, (i + 1) n / m).
  static func averagePool(_ x: [[Double]], _ shape: FeatureShape, bins: Int) -> [[Double]] {
    func pixels(_ bin: Int, of size: Int) -> [Int] {
      (0..<size).filter { $0 * bins < (bin + 1) * size && ($0 + 1) * bins > bin * size }
    }
    return x.map { row in
      (0..<shape.channels).flatMap { c in
        (0..<bins).flatMap { i in
          (0..<bins).map { j in
            let values = pixels(i, of: shape.height).flatMap { r in
              pixels(j, of: shape.width).map { row[(c * shape.height + r) * shape.width + $0] }
            }
            return values.reduce(0, +) / Double(values.count)
          }
        }
      }
    }
  }

  static func batchNorm(
    _ x: [[Double]], _ shape: FeatureShape, _ gamma: [Double], _ beta: [Double]
  ) -> [[Double]] {
    var y = x
    for c in 0..<shape.channels {
      let own = (c * shape.pixels)..<((c + 1) * shape.pixels)
      let values = x.flatMap { $0[own] }
      let mean = values.reduce(0, +) / Double(values.count)
      let variance = values.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / Double(values.count)
      for i in x.indices {
        for k in own { y[i][k] = gamma[c] * (x[i][k] - mean) / (variance + 1e-5).squareRoot() + beta[c] }
      }
    }
    return y
  }
}
