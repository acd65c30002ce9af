import LinearAlgebra
import Testing

@Suite struct KernelChoiceTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let current: String
    let features: Processor.Features
    var userChoice: String?
    var alreadyTried = false
    let expected: String?
  }

  static let both: Processor.Features = [.avx2, .avx512]
  static let cases = [
    Case(testDescription: "Sapphire Rapids unknown", current: "Prescott", features: both, expected: "SkylakeX"),
    Case(testDescription: "AVX-512 with AVX2 kernels", current: "Haswell", features: both, expected: "SkylakeX"),
    Case(testDescription: "Zen 4 taken for Cooper Lake", current: "Cooperlake", features: both, expected: nil),
    Case(testDescription: "Zen 4 with Zen kernels", current: "Zen", features: both, expected: "SkylakeX"),
    Case(testDescription: "Skylake", current: "SkylakeX", features: both, expected: nil),
    Case(testDescription: "Sapphire Rapids known", current: "SapphireRapids", features: both, expected: nil),
    Case(testDescription: "newer than AVX2-only", current: "Prescott", features: .avx2, expected: "Haswell"),
    Case(testDescription: "AVX2 below its due", current: "Sandybridge", features: .avx2, expected: "Haswell"),
    Case(testDescription: "AMD below its due", current: "Barcelona", features: .avx2, expected: "Haswell"),
    Case(testDescription: "Haswell", current: "Haswell", features: .avx2, expected: nil),
    Case(testDescription: "Zen 2", current: "Zen", features: .avx2, expected: nil),
    Case(testDescription: "no AVX2", current: "Nehalem", features: [], expected: nil),
    Case(testDescription: "a name not in the list", current: "GraniteRapids", features: both, expected: nil),
    Case(testDescription: "ARM", current: "neoversen1", features: [], expected: nil),
    Case(
      testDescription: "the user's choice", current: "Prescott", features: both, userChoice: "Prescott", expected: nil),
    Case(
      testDescription: "an empty choice is none", current: "Prescott", features: both, userChoice: "",
      expected: "SkylakeX"),
    Case(testDescription: "once only", current: "Prescott", features: both, alreadyTried: true, expected: nil),
  ]

  @Test(arguments: cases) func recommendation(_ entry: Case) {
    #expect(
      BLAS.recommendedCoreType(
        current: entry.current, features: entry.features, userChoice: entry.userChoice,
        alreadyTried: entry.alreadyTried) == entry.expected)
  }

  @Test func avx512ImpliesAVX2() {
    #expect(!Processor.features.contains(.avx512) || Processor.features.contains(.avx2))
  }
}

@Suite struct ThreadShareTests {
  @Test func aloneAllCores() {
    #expect(Processor.threads(forRank: 0, boundCores: [[0, 1, 2, 3]]) == 4)
  }

  @Test func boundToOwnCores() {
    let cores = [[0, 1], [2, 3], [4, 5, 6]]
    #expect((0..<3).map { Processor.threads(forRank: $0, boundCores: cores) } == [2, 2, 3])
  }

  @Test func unboundRanksDivide() {
    let cores = [[Int]](repeating: Array(0..<8), count: 3)
    #expect((0..<3).map { Processor.threads(forRank: $0, boundCores: cores) } == [2, 2, 2])
  }

  @Test(arguments: 1...64) func evenSharesLoseNothingToRounding(ranks: Int) {
    let cores = [[Int]](repeating: Array(0..<4 * ranks), count: ranks)
    #expect(Processor.threads(forRank: ranks - 1, boundCores: cores) == 4)
  }

  @Test func partlyShared() {
    #expect(Processor.threads(forRank: 0, boundCores: [[0, 1, 2], [2, 3]]) == 2)
    #expect(Processor.threads(forRank: 1, boundCores: [[0, 1, 2], [2, 3]]) == 1)
  }

  @Test func moreRanksThanCores() {
    #expect(Processor.threads(forRank: 4, boundCores: [[Int]](repeating: [0, 1], count: 5)) == 1)
  }

  @Test func noCoresKnown() {
    #expect(Processor.threads(forRank: 0, boundCores: [[]]) == 1)
  }

  @Test func thisProcessHasCores() {
    let cores = Processor.boundCores()
    #expect(!cores.isEmpty)
    #expect(cores == cores.sorted())
    #expect(Set(cores).count == cores.count)
  }
}
