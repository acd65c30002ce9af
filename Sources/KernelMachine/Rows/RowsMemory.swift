/// Bytes of a layer's rows and of what makes others of them: what the steps state beside them, from these sizes.
public struct RowsMemory {
  /// The layer's input width and output width.
  public var width, outputWidth: Int
  public var centres, threads: Int
  /// Bytes of an element of the run's precision.
  public var scalarBytes: Int

  public init(width: Int, outputWidth: Int, centres: Int, threads: Int, scalarBytes: Int) {
    (self.width, self.outputWidth) = (width, outputWidth)
    (self.centres, self.threads, self.scalarBytes) = (centres, threads, scalarBytes)
  }

  /// Deviations, norms and inner products with the centres of so many rows.
  public func rows(_ count: Int, width: Int) -> Int { count * (width * scalarBytes + 8 * centres + 8) }
}
