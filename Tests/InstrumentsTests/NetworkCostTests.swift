import LinearAlgebra
import Network
import Runtime
import Testing

/// What a plan counts of a network, beside what is counted by hand.
@Suite struct NetworkCostTests {
  /// Weights of 3 x 4, 3 x 3 and 2 x 3.
  private func small() throws -> NetworkBuilder<Float> {
    var form = NetworkForm(.mlp, input: FeatureShape(4), classes: 2)
    (form.depth, form.width) = (2, 3)
    return try form.build(rows: 1, threads: 1, isPlan: true)
  }

  @Test func operationsOfAnMLP() throws {
    let cost = NetworkCost(try small(), withConvolutions: false)
    #expect(cost.forward == 2 * (12 + 9 + 6) && cost.parameters == 27)
    // The first layer's gradient in its input is not wanted.
    #expect(cost.backward == 2 * (12 + 9 + 6) + 2 * (9 + 6))
    // Of each of 2 outputs: back through two layers, and two triangles of 3 x 3.
    let measuring: Int = 2 * 54 + 2 * (2 * (9 + 6) + 2 * 3 * 4)
    #expect(cost.measuring == Double(measuring))
    // W is wide, and W is square.
    let correlations: [Int] = [4 * 9 + 21 * 27, (2 + 2 + 1 + 7) * 27]
    #expect(cost.correlations == correlations.map { Double($0) })
  }

  /// 3 x 3 taps over a 4 x 4 image of 2 channels, 1 x 1 taps at every second pixel, and two fully-connected layers.
  private func convolutions() -> NetworkBuilder<Float> {
    var builder = NetworkBuilder<Float>(rows: 1, threads: 1, isPlan: true)
    let image = FeatureShape(channels: 2, height: 4, width: 4)
    let first = Convolution("0", from: image, to: 3, kernel: 3, padding: 1, hasBias: true, .constant(0), &builder)
    builder.append(first)
    let second = Convolution(
      "1", from: first.output, to: 5, kernel: 1, stride: 2, hasBias: false, .constant(0), &builder)
    builder.append(second)
    let hidden = Linear("2", from: second.output, to: 3, .constant(0), &builder)
    builder.append(hidden)
    builder.append(Linear("3", from: hidden.output, to: 2, .constant(0), &builder))
    return builder
  }

  @Test func operationsOfConvolutions() {
    // 2 x outputs x taps x positions.
    let (first, second, hidden, last): (Double, Double, Double, Double) = (1728, 120, 120, 12)
    let plain = NetworkCost(convolutions(), withConvolutions: false)
    #expect(plain.forward == first + second + hidden + last)
    #expect(plain.backward == first + 2 * (second + hidden + last))
    #expect(plain.measuring == 2 * plain.forward + 2 * (last + 3 * 4))
    let measured = NetworkCost(convolutions(), withConvolutions: true)
    // At 16 and at 4 positions.
    let triangles: Int = 3 * 4 + 16 * 3 * 4 + 4 * 5 * 6
    let sweeps: Double = second + hidden + last + Double(triangles)
    #expect(measured.measuring == 2 * plain.forward + 2 * sweeps)
    #expect(measured.correlations.count == 3)
  }

  /// Of 3 x 3 taps over a single pixel one meets it.
  @Test func tapsOutsideOfTheImage() {
    var builder = NetworkBuilder<Float>(rows: 1, threads: 1, isPlan: true)
    let pixel = FeatureShape(channels: 2, height: 1, width: 1)
    builder.append(Convolution("0", from: pixel, to: 4, kernel: 3, padding: 1, hasBias: false, .constant(0), &builder))
    #expect(NetworkCost(builder, withConvolutions: false).forward == 2 * 4 * 2)
  }

  /// resnet18's 20 convolutions are of 11 kinds; the first one's gradient in its input is not wanted.
  @Test func kindsOfLayers() throws {
    let form = NetworkForm(.resnet18, input: FeatureShape(channels: 3, height: 64, width: 64), classes: 10)
    let builder: NetworkBuilder<Float> = try form.build(rows: 1, threads: 1, isPlan: true)
    let kinds = LayerKind.all(in: builder)
    #expect(kinds.count == 11 && kinds.reduce(0) { $0 + $1.count } == 20)
    #expect(kinds[0].name == "conv1" && kinds[0].products == [.forward, .weights])
    #expect(kinds[1].name == "layer1.0.conv1" && kinds[1].count == 4 && kinds[1].products.count == 3)
    let convolutions = kinds.reduce(0) { $0 + Double($1.count) * $1.rowOperations }
    // Six fully-connected layers are above them.
    let head: Int = 2 * (512 * 512 * 5 + 512 * 10)
    #expect(NetworkCost(builder, withConvolutions: false).forward == convolutions + Double(head))
    #expect(LayerKind.all(in: try small()).map(\.count) == [1, 1, 1])
  }

  // MARK: Messages

  @Test func oneRankSendsNothing() throws {
    let exchange = NetworkExchange(
      try small(), Layout(classCounts: [5, 5], ranks: 1), batch: 4, withConvolutions: false)
    #expect(exchange.rows == 0 && exchange.gradients == 0 && exchange.statistics == 0 && exchange.measurement == 0)
    #expect(exchange.statisticSums == 0 && exchange.lastGradients == 0 && exchange.steps == 3)
  }

  @Test func twoRanks() throws {
    let exchange = NetworkExchange(
      try small(), Layout(classCounts: [5, 5], ranks: 2), batch: 4, withConvolutions: false)
    // Half of 10 rows of 4 numbers.
    #expect(abs(exchange.rows - 5 * 4 * 4) < 1e-9)
    // 3 steps: 27 parameters there and back, and each rank tells the other its wish.
    #expect(exchange.gradients == 3 * (2 * 27 * 4 + 2 * 8) && exchange.statistics == 0)
    // Means and deviations of 2 classes, scatters, the gradients' sum, correlations; pictures of all 10 rows.
    let first: Int = 2 * 2 * (4 + 3 + 3) + 3 + 9 + 2
    let second: Int = 2 * 2 * (3 + 3 + 3) + 3 + 9 + 2
    let all: Int = 2 * 8 * (first + second + 10 * (4 + 3 + 3 + 3 + 3))
    #expect(exchange.measurement == Double(all))
  }

  /// The mean that is planned for beside the orders that are drawn.
  @Test func rowsOnTheirWay() throws {
    let (samples, batch, ranks, epochs) = (31, 7, 3, 500)
    let layout = Layout(classCounts: [20, 11], ranks: ranks)
    let planned = NetworkExchange(try small(), layout, batch: batch, withConvolutions: false).rows / 16
    var moved = 0
    for epoch in 0..<epochs {
      let order = SampleOrder.drawn(count: samples, seed: 3, epoch: epoch)
      for start in stride(from: 0, to: samples, by: batch) {
        let rows = order[start..<min(samples, start + batch)]
        for rank in 0..<ranks {
          let share = (rows.count * rank / ranks)..<(rows.count * (rank + 1) / ranks)
          moved += share.count { !layout.shard(of: rank).contains(Int(rows[start + $0])) }
        }
      }
    }
    // A standard error is 0.12.
    #expect(abs(Double(moved) / Double(epochs) - planned) < 0.6)
  }

  /// resnet18 has 20 batch norms with 4,800 channels together.
  @Test func batchNorm() throws {
    let form = NetworkForm(.resnet18, input: FeatureShape(channels: 3, height: 32, width: 32), classes: 10)
    let builder: NetworkBuilder<Float> = try form.build(rows: 1, threads: 1, isPlan: true)
    let layout = Layout(classCounts: [Int](repeating: 10, count: 10), ranks: 2)
    let exchange = NetworkExchange(builder, layout, batch: 50, withConvolutions: false)
    #expect(exchange.statisticSums == 60 && exchange.statistics == 2 * 2 * 4 * 4800 * 8)
  }
}
