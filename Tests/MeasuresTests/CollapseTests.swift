import LinearAlgebra
import Measures
import Runtime
import Testing

@Suite struct CollapseTests {
  /// Corners of a simplex, shifted: their differences from their mean are maximally far apart.
  private func simplexMeans(_ classes: Int, scale: Double) -> Matrix<Double> {
    let means = Matrix<Double>(rows: classes, columns: classes + 1)
    for c in 0..<classes {
      means[c, c] = scale
      means[c, classes] = 7
    }
    return means
  }

  @Test(arguments: 2...10) func simplexHasNoNC2(classes: Int) {
    let layout = Layout(classCounts: [Int](repeating: 3, count: classes), ranks: 1)
    #expect(nc2(means: simplexMeans(classes, scale: 2), layout: layout) < 1e-28)
  }

  /// Two means at right angles after centring cannot be; three on a line are: cosines 1, -1, 0.
  @Test func nc2OfThreeOnALine() {
    let layout = Layout(classCounts: [1, 2, 3], ranks: 1)
    let means = Matrix<Double>(rows: 3, columns: 2, [1, 5, -1, 5, 0, 5])
    // The middle mean is the centre: its normalised row stays 0. Entries: (1-1)^2 twice, (0-1)^2, (-1+1/2)^2 twice,
    // (0+1/2)^2 four times.
    #expect(abs(nc2(means: means, layout: layout) - (1 + 0.5 + 1) / 9) < 1e-15)
  }

  @Test func nc1ByHand() {
    let layout = Layout(classCounts: [2, 2], ranks: 1)
    let means = Matrix<Double>(rows: 2, columns: 1, [1, -1])
    // S_W = 3 / (2 * 4), S_B = (1 + 1) / 2.
    #expect(abs(nc1(scatter: 3, means: means, layout: layout) - 0.375) < 1e-15)
  }

  /// An absent class's mean is whatever it is.
  @Test func absentClassesAreLeftOut() {
    let present = Layout(classCounts: [2, 3], ranks: 1)
    let absent = Layout(classCounts: [2, 0, 3], ranks: 1)
    let two = Matrix<Double>(rows: 2, columns: 2, [1, 2, -1, 0.5])
    let three = Matrix<Double>(rows: 3, columns: 2, [1, 2, 99, -99, -1, 0.5])
    #expect(nc1(scatter: 2, means: two, layout: present) == nc1(scatter: 2, means: three, layout: absent))
    #expect(nc2(means: two, layout: present) == nc2(means: three, layout: absent))
  }

  @Test func oneClassHasNoNC2() {
    let layout = Layout(classCounts: [0, 4], ranks: 1)
    #expect(nc2(means: Matrix(rows: 2, columns: 3), layout: layout).isNaN)
  }
}
