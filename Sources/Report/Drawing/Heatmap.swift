import Glibc
import Measures

/// Cosines between samples as a picture: orange -1, white 0, blue 1. In the dark the page turns it over, so that 0 is black.
enum Heatmap {
  /// 256 colours from -1 to 1: PuOr of ColorBrewer with a deeper blue, safe for the colour-blind.
  static let palette: [[UInt8]] = (0..<256).map { color(Double($0) / 127.5 - 1) }

  private static let stops: [(at: Double, color: [Double])] = [
    (-1, [127, 59, 8]), (-0.5, [226, 138, 40]), (-0.2, [252, 219, 170]), (0, [250, 250, 248]),
    (0.25, [184, 206, 232]), (0.55, [84, 140, 198]), (0.8, [26, 84, 152]), (1, [8, 38, 92]),
  ]

  private static func color(_ value: Double) -> [UInt8] {
    let upper = stops.firstIndex { value <= $0.at } ?? stops.count - 1
    guard upper > 0 else { return stops[0].color.map { UInt8($0) } }
    let (a, b) = (stops[upper - 1], stops[upper])
    let share = min(1, (value - a.at) / (b.at - a.at))
    return zip(a.color, b.color).map { UInt8(($0 + share * ($1 - $0)).rounded()) }
  }

  /// - Parameter cosines: (size x size), row by row.
  static func url(_ cosines: [Float], size: Int) -> String {
    let pixels = cosines.map { value in
      value.isFinite ? UInt8(max(0, min(255, ((Double(value) + 1) * 127.5).rounded()))) : 128
    }
    return PNG.dataURL(PNG.encode(pixels, width: size, height: size, palette: palette))
  }
}
