import Foundation
import LinearAlgebra
import Testing

/// Against Tests/Golden/random.json, which an independent program wrote.
@Suite struct RandomStreamTests {
  struct Golden: Decodable {
    let samples: [Sample]
  }

  struct Sample: Decodable, Sendable {
    let seed: UInt64
    let purpose: String
    let layer: Int
    let row: Int
    let column: Int
    let words: [UInt32]
    let uniform: Double
    let normal: Double

    var stream: RandomStream? {
      let purposes: [String: RandomStream.Purpose] = [
        "weights": .weights, "phases": .phases, "projection": .projection, "pivots": .pivots,
        "synthetic": .synthetic, "probe": .probe,
      ]
      return purposes[purpose].map { RandomStream(seed: seed, layer: layer, purpose: $0) }
    }
  }

  private static func samples() throws -> [Sample] {
    let file = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../Golden/random.json")
    return try JSONDecoder().decode(Golden.self, from: Data(contentsOf: file)).samples
  }

  @Test func words() throws {
    let samples = try Self.samples()
    #expect(samples.count > 100)
    for sample in samples {
      let words = try #require(sample.stream).words(row: sample.row, column: sample.column)
      #expect([words.0, words.1, words.2, words.3] == sample.words, "\(sample)")
    }
  }

  @Test func uniformToTheLastBit() throws {
    for sample in try Self.samples() {
      let value = try #require(sample.stream).uniform(row: sample.row, column: sample.column)
      #expect(value == sample.uniform, "\(sample)")
    }
  }

  /// The logarithm and cosine of two libraries may differ in their last bits.
  @Test func normal() throws {
    for sample in try Self.samples() {
      let value = try #require(sample.stream).normal(row: sample.row, column: sample.column)
      #expect(abs(value - sample.normal) <= 8 * Double.ulpOfOne * max(1, abs(value)), "\(sample)")
    }
  }

  @Test func momentsAreThoseOfTheDistributions() {
    let random = RandomStream(seed: 3, layer: 2, purpose: .probe)
    let count = 20_000
    var (uniform, normal, square) = (0.0, 0.0, 0.0)
    for i in 0..<count {
      let u = random.uniform(row: i, column: 7)
      #expect(u >= 0 && u < 1)
      uniform += u
      let z = random.normal(row: i, column: 9)
      normal += z
      square += z * z
    }
    // Five standard deviations of each mean.
    let spread = 5 / Double(count).squareRoot()
    #expect(abs(uniform / Double(count) - 0.5) < spread * (1.0 / 12).squareRoot())
    #expect(abs(normal / Double(count)) < spread)
    #expect(abs(square / Double(count) - 1) < spread * 2.0.squareRoot())
  }
}
