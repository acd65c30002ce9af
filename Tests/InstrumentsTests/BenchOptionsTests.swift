import Files
import Instruments
import Testing

@Suite struct BenchOptionsTests {
  private func bench(_ line: String) throws -> BenchOptions {
    try BenchOptions.parse(line.split(separator: " ").map(String.init))
  }

  private func refusal(_ line: String) throws -> String {
    try #require(throws: InputError.self) { try bench(line) }.description
  }

  @Test(arguments: BenchKind.allCases) func defaults(kind: BenchKind) throws {
    #expect(try bench(kind.rawValue) == BenchOptions(kind))
  }

  @Test func everyOptionIsSet() throws {
    let options = try bench(
      "solve --samples 9 --dimension 8 --classes 7 --kernel gaussian --bandwidth 3 --ridge 0 --tolerance 1e-3 "
        + "--max-iterations 6 --preconditioner-rank 0 --agop class --precision float64 --threads 2 --seed 5 --repeat 4 "
        + "--memory 2GiB --tile-tolerance 0.1 --peers --json")
    var expected = BenchOptions(.solve)
    (expected.samples, expected.dimension, expected.classes) = (9, 8, 7)
    (expected.kernel, expected.bandwidth, expected.ridge) = (.gaussian, 3, 0)
    (expected.tolerance, expected.maxIterations, expected.preconditionerRank) = (1e-3, 6, 0)
    (expected.agop, expected.precision, expected.threads) = (.class, .float64, 2)
    (expected.memory, expected.tileTolerance) = (2 << 30, 0.1)
    (expected.seed, expected.repetitions, expected.peers, expected.json) = (5, 4, true, true)
    #expect(options == expected)
    #expect(try bench("kernel --dataset cifar10 --data d").dataset == .cifar10)
    let network = try bench("network --architecture resnet18 --batch 64")
    #expect(network.architecture == .resnet18 && network.batch == 64)
  }

  @Test func nonsenseIsRefused() throws {
    #expect(try refusal("").contains("machine, kernel, solve, agop, network"))
    #expect(try refusal("--samples 5").contains("machine"))
    #expect(try refusal("kernal").contains("'kernel'"))
    #expect(try refusal("kernel --dataset mnist").contains("--data"))
    #expect(try refusal("kernel --data d").contains("--dataset"))
    #expect(try refusal("kernel --dataset digits --classes 5").contains("--classes"))
    #expect(try refusal("kernel --peers").contains("solve"))
    #expect(try refusal("kernel --architecture mlp").contains("bench network"))
    #expect(try refusal("solve --batch 64").contains("bench network"))
    #expect(try refusal("kernel --memory 1GiB").contains("bench solve and bench agop"))
    #expect(try refusal("network --tile-tolerance 0.1").contains("bench solve and bench agop"))
    #expect(try refusal("solve --memory much").contains("20GiB"))
    #expect(try refusal("agop --tile-tolerance 1").contains("below 1"))
    #expect(throws: InputError.self) { try bench("solve --peers").validate(ranks: 2) }
  }
}
