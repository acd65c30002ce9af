import DeepRFM
import Glibc
import KernelMachine

/// Iterations that the solver takes, by depth: they depend on the data, and only a run tells. These were measured at ridge 1e-3 and
/// tolerance 1e-4 with the default preconditioner.
enum TypicalIterations {
  /// MNIST, 4,000 samples: within-class distances vanish, and with them the work.
  private static let easy = [17, 20, 21, 20, 23, 20, 22, 17, 14, 13, 10, 10, 10, 9, 6, 5, 5, 4, 3, 3]
  /// CIFAR-10, 8,000 samples, layers 1 to 16: it collapses later.
  private static let hard = [18, 19, 19, 20, 20, 21, 22, 24, 28, 28, 28, 27, 27, 31, 31, 31]

  /// - Parameters:
  ///   - layer: from 1.
  ///   - rank: of the preconditioner; the series are those of a sixteenth of the samples.
  static func count(_ layer: Int, _ options: TrainOptions, _ samples: Int, rank: Int) -> Int {
    guard options.solver != .cholesky else { return 0 }
    let isEasy = [.mnist, .digits, .synthetic].contains(options.dataset)
    let series = isEasy ? easy : hard
    // CIFAR-10, 8,000 samples, ranks 300 to 800: with the power 0.3 of N / rank; 2,000 to 50,000: and 0.19 of N.
    let share =
      pow(Double(samples) / Double(16 * max(1, rank)), 0.3) * (isEasy ? 1 : pow(Double(samples) / 8000, 0.19))
    let mapped = Double(series[min(layer, series.count) - 1]) * share
    let typical = layer == 1 ? RidgeSolver.inputIterations(samples: samples, rank: max(1, rank)) : mapped
    // CIFAR-10, 4,000 samples, no preconditioner: 118 at layer 1 and 520 at layer 10, to 1e-6.
    let plain = min(118 + 45 * Double(layer - 1), 700) * 4 / 6
    let count = options.preconditioner == .none ? plain : typical
    // Conjugate gradient wins about the same share of a digit in each.
    let digits = log(options.tolerance) / log(1e-4)
    return max(1, min(options.maxIterations, Int((count * digits).rounded())))
  }
}
