import Glibc

/// Iterations that the solver takes, by depth: they depend on the data, and only a run tells. These were measured at ridge 1e-3 and
/// tolerance 1e-4 with the default preconditioner.
enum TypicalIterations {
  /// MNIST, 4,000 samples: within-class distances vanish, and with them the work.
  private static let easy = [19, 23, 24, 24, 25, 25, 23, 22, 19, 17, 10, 10, 9, 7, 6, 5, 5, 4, 3, 3]
  /// CIFAR-10, 8,000 samples, layers 1 to 16: it collapses later.
  private static let hard = [20, 21, 21, 21, 22, 23, 24, 25, 26, 27, 28, 30, 31, 32, 33, 34]

  /// - Parameters:
  ///   - layer: from 1.
  ///   - rank: of the preconditioner; the series are those of a tenth of the samples.
  static func count(_ layer: Int, _ options: TrainOptions, _ samples: Int, rank: Int) -> Int {
    guard options.solver == .cg else { return 0 }
    let series = [.mnist, .digits, .synthetic].contains(options.dataset) ? easy : hard
    // At the first layer, where the rank is chosen by cost, they were measured to go with the power 0.42 of N / rank.
    let share = layer == 1 && rank > 0 ? pow(Double(samples) / Double(10 * rank), 0.42) : 1
    let typical = Double(series[min(layer, series.count) - 1]) * share
    // CIFAR-10, 4,000 samples, no preconditioner: 118 at layer 1 and 520 at layer 10, to 1e-6.
    let plain = min(118 + 45 * Double(layer - 1), 700) * 4 / 6
    let count = options.preconditioner == .none ? plain : typical
    // Conjugate gradient wins about the same share of a digit in each.
    let digits = log(options.tolerance) / log(1e-4)
    return max(1, min(options.maxIterations, Int((count * digits).rounded())))
  }
}
