import Foundation
import Network
import Report
import Runtime
import Testing

@Suite struct NetworkComparisonTests {
  /// A run of layers with these correlations; NC1 of the input is `first`, and falls by 10 a layer, of it by `right` through S V^T.
  private func run(
    _ name: String, scale: Double = 1, seed: UInt64 = 0, roots: [Double], right: Double = 0.5, accuracy: Double = 1,
    first: Double = 1
  ) -> NetworkRecord {
    var options = NetworkOptions()
    (options.depth, options.initScale, options.seed) = (roots.count, scale, seed)
    var epoch = EpochMetrics()
    epoch.accuracy.train = accuracy
    epoch.layers = roots.enumerated().map { index, root in
      var layer = NetworkLayerMetrics()
      layer.layer = index + 1
      layer.nfa = (agop: root, root: root)
      layer.nc1.input = first * pow(10, -Double(index))
      layer.nc1.right = layer.nc1.input * pow(10, -right)
      layer.nc1.output = layer.nc1.input / 10
      return layer
    }
    let configuration = NetworkConfiguration(
      options: options, ranks: 1, threads: 1, hosts: ["one"], blasKernels: "Haswell", startedAt: "2026-01-31T23:59:59Z")
    return NetworkRecord(name: name, configuration: configuration, epochs: [epoch])
  }

  @Test func findingIsOfTheCorrelationsThatAre() {
    let all = NetworkComparison([run("a", roots: [0.2, 0.4]), run("b", seed: 1, roots: [0.4, 0.6])]).finding
    #expect(all.contains("root of the AGOP by 0.40 ± 0.16 over 2 networks and their layers. Of the fall"))
    #expect(all.contains("layers 50 ± 0\u{202F}% is due"))
    let some = NetworkComparison([run("a", roots: [0.2, .nan]), run("b", seed: 1, roots: [0.4, 0.6])]).finding
    #expect(some.contains("by 0.40 ± 0.20 over 2 networks and their layers (of 4 correlations 1 is undefined)."))
    let none = NetworkComparison([run("a", roots: [.nan, .nan])]).finding
    #expect(none.contains("is undefined in all layers of 1 network"))
  }

  @Test func correlationAgainstCollapse() {
    // Deeper layers are more collapsed here; the correlation rises, or falls, with them.
    let roots = [0.1, 0.2, 0.3, 0.4]
    let rising = NetworkComparison([run("a", roots: roots), run("b", seed: 1, roots: roots)])
    #expect(rising.finding.contains("rank correlation -1.00: where the ansatz holds better"))
    #expect(rising.finding.contains("the classes are more collapsed."))
    let falling = NetworkComparison([run("a", roots: roots.reversed()), run("b", seed: 1, roots: roots.reversed())])
    #expect(falling.finding.contains("rank correlation 1.00: where the ansatz holds better"))
    #expect(falling.finding.contains("the classes are less collapsed."))
    #expect(!NetworkComparison([run("a", roots: roots)]).finding.contains("rank correlation"))
    #expect(rising.finding.contains("Depth has its part in that"))
  }

  /// Over all layers the correlation falls with collapse; of one depth all runs are alike in collapse, and nothing is said of it.
  @Test func correlationAgainstCollapseAtOneDepth() {
    func runs(_ scale: (Int) -> Double) -> [NetworkRecord] {
      (0..<8).map { seed in
        run(
          "\(seed)", seed: UInt64(seed), roots: [0.5 + 0.01 * Double(seed), 0.2 + 0.01 * Double(seed)],
          first: scale(seed))
      }
    }
    let alike = NetworkComparison(runs { _ in 1 }).finding
    #expect(alike.contains("have the rank correlation 0.87") && alike.contains("Depth has its part"))
    let more = NetworkComparison(runs { pow(1.01, -Double($0)) }).finding
    #expect(more.contains("Of layers at the same depth it is -1.00 ± 0, over the depths."))
    let none = NetworkComparison([run("a", roots: [0.2], accuracy: 0.5), run("b", seed: 1, roots: [0.4])]).finding
    #expect(none.hasPrefix("1 of 2 networks does not fit (training accuracy below 99\u{202F}%). What follows"))
  }

  /// Deep RFM runs that differ in the seed alone are one line, of other settings another.
  @Test func deepRFMRunsByTheirSettings() {
    let network = run("a", roots: [0.2, 0.4])
    let seeds = [Made.run("m", layers: 3), Made.run("n", layers: 3, seed: 1)]
    let one = NetworkComparison([network], beside: seeds).html
    #expect(one.contains("Deep RFM, layer 3: ") && !one.contains("Deep RFM, ridge"))
    let two = NetworkComparison([network], beside: seeds + [Made.run("o", layers: 3) { $0.ridge = 0.1 }]).html
    #expect(two.contains("Deep RFM, ridge 0.001, layer 3: ") && two.contains("Deep RFM, ridge 0.1, layer 3: "))
    #expect(!two.contains("Deep RFM, layer 3: "))
  }

  @Test func scaleOfTheLargestCorrelation() throws {
    let runs = [
      run("a", scale: 0.1, roots: [.nan, .nan]), run("b", scale: 0.5, roots: [0.8, 0.9]),
      run("c", scale: 2, roots: [0.3, 0.2]),
    ]
    let comparison = NetworkComparison(runs)
    #expect(
      comparison.finding.hasSuffix(
        "The correlation is largest at the initial scale 0.5 (0.85) and smallest at 2 (0.25); NC1 of the last hidden output is smallest at 0.1 (1.000e-02)."
      ))
    #expect(!NetworkComparison(Array(runs[0...1])).finding.contains("largest"))
    let page = Parsed(comparison.html)
    #expect(page.table("network-table").map { $0[0] } == ["init scale 0.1", "init scale 0.5", "init scale 2"])
    #expect(page.table("network-table").map { $0[5] } == ["–", "0.850 ± 0.071", "0.250 ± 0.071"])
  }

  /// What is found is of the networks that learned their samples; the pictures and numbers are of all.
  @Test func findingIsOfTheNetworksThatFit() {
    let runs = [
      run("a", scale: 1, roots: [0.4, 0.6]), run("b", scale: 5, roots: [0.9, 0.9], accuracy: 0.98),
      run("c", scale: 5, seed: 1, roots: [0.9, 0.9], accuracy: .nan),
    ]
    let finding = NetworkComparison(runs).finding
    #expect(
      finding.hasPrefix(
        "2 of 3 networks do not fit (training accuracy below 99\u{202F}%): init scale 5 (2 of 2). What follows is of the others. "
      ))
    #expect(finding.contains("by 0.50 ± 0.14 over 1 network and") && !finding.contains("largest"))
    let none = NetworkComparison([runs[1], runs[2]]).finding
    #expect(none.hasPrefix("No network fits its samples (training accuracy below 99\u{202F}%). WᵀW correlates"))
  }
}
