import KernelMachine
import Solve

#if canImport(Glibc)
  import Glibc
#endif

extension RidgeSolver {
  /// Columns that pay, if the user asks for no number. A sixteenth of the samples, at most 1,000, keeps mapped layers below 35
  /// iterations; up to 400 a tenth costs next to nothing, and ridge 0 needs it. The data itself needs fewer iterations and its columns
  /// are wide: there the cost decides.
  public static func defaultRank(samples: Int, width: Int, outputs: Int, layer: Int) -> Int {
    let most = max(min(samples, 50), min(samples / 10, max(400, min(samples / 16, 1000))))
    guard layer == 1 else { return most }
    return stride(from: 50, to: most, by: 10).min {
      inputCost(rank: $0, samples, width, outputs) < inputCost(rank: $1, samples, width, outputs)
    } ?? most
  }

  /// Operations of set-up and iterations over N, at layer 1. Measured on CIFAR-10, N = 16,000 and 32,000, ranks 190 to 550: r columns take
  /// as long as 5 N d r + 4 N r^2 operations of sgemm, an iteration as long as 4.5 N^2 K, K = 10. The cost is flat.
  private static func inputCost(rank: Int, _ samples: Int, _ width: Int, _ outputs: Int) -> Double {
    let (n, r) = (Double(samples), Double(rank))
    let iterations = inputIterations(samples: samples, rank: rank)
    return r * (5 * Double(width) + 4 * r) + iterations * max(4.5 * Double(outputs), readingOperations) * n
  }

  /// What an iteration costs for each of the N^2 entries of K however few outputs there are, in operations of sgemm: the tiles are read from
  /// memory. Half of the entries are stored, 4 bytes each in float32, and while a byte comes a core does 7 to 8 operations at the least (100
  /// GFLOP/s beside 13 GB/s; twice that with 512-bit registers). In float64 bytes are twice as many and operations half as fast.
  private static let readingOperations = 2 * 7.5

  /// Whether one rank had better factor K whole, in double precision, with the cores of all: N^3 / 3 + 2 N^2 K operations at half of the rate, beside making r
  /// columns and some twenty iterations, where there are too many outputs to share one space. (With few of them, and few samples, either is done
  /// at once.)
  public static func isCheaperDirectly(samples: Int, width: Int, outputs: Int, rank: Int) -> Bool {
    guard outputs > ColumnGroups.limit else { return false }
    let (n, k, r) = (Double(samples), Double(outputs), Double(rank))
    let direct = 2 * (n * n * n / 3 + 2 * n * n * k)
    return direct < n * r * (5 * Double(width) + 4 * r) + 20 * 4 * n * n * k
  }

  /// Iterations at layer 1 to a residual of 1e-4, as measured there within one: CIFAR-10, N = 4,000 to 32,000.
  public static func inputIterations(samples: Int, rank: Int) -> Double {
    let (n, r) = (Double(samples), Double(rank))
    return 1.33 * pow(n, 0.232) * pow(n / r, 0.19)
  }
}
