import Measures
import Runtime
import Testing

@Suite struct PictureSampleTests {
  @Test func everyClassHasItsShare() {
    let layout = Layout(classCounts: [Int](repeating: 400, count: 10), ranks: 3)
    let positions = PictureSample(layout).positions
    #expect(positions.count == 100)
    #expect((0..<10).allSatisfy { label in positions.count { $0 / 400 == label } == 10 })
    // Evenly spaced, the ends spared.
    #expect(positions.prefix(3) == [20, 60, 100])
  }

  @Test(arguments: [1, 2, 3, 7]) func ranksChangeNothing(ranks: Int) {
    let counts = [5, 0, 300, 1]
    #expect(
      PictureSample(Layout(classCounts: counts, ranks: ranks)) == PictureSample(Layout(classCounts: counts, ranks: 1)))
  }

  @Test(arguments: [
    [1], [0, 1, 0], [3, 0, 1000, 1], [Int](repeating: 2, count: 500), [Int](repeating: 7, count: 21), [100_000],
  ])
  func positionsAreDistinctAscendingAndFew(counts: [Int]) {
    let layout = Layout(classCounts: counts, ranks: 1)
    let positions = PictureSample(layout).positions
    #expect(!positions.isEmpty && positions.count <= PictureSample.mostSamples)
    #expect(zip(positions, positions.dropFirst()).allSatisfy { $0 < $1 })
    #expect(positions.allSatisfy { (0..<layout.sampleCount).contains($0) })
  }

  @Test func smallClassesAreShownWhole() {
    #expect(PictureSample(Layout(classCounts: [2, 1000], ranks: 1)).positions.prefix(3) == [0, 1, 12])
  }
}
