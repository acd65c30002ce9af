import Files
import Runtime

/// Whether samples have room, asked before any is read.
extension Memory {
  /// *Local.* Throws `InputError` if a rank's share of the samples would not fit `budget`, in bytes: in a small sparse file one
  /// index makes every row a long one.
  public static func checkSamples(_ splits: [any SampleReader], ranks: Int, elementBytes: Int, budget: Int)
    throws(InputError)
  {
    let share = splits.reduce(0) { $0 + ($1.sampleCount + ranks - 1) / ranks }
    let features = splits.first?.featureCount ?? 0
    guard let bytes = checkedProduct([share, features, elementBytes]), bytes <= budget else {
      throw InputError(
        "a rank's \(share) samples of \(features) features do not fit \(Format.bytes(budget)) of memory (--samples, --memory)"
      )
    }
  }
}
