import Files

/// What no data set may exceed, whatever its header says: a row and a label must fit in memory many times.
public enum Limits {
  /// Features of one sample: a matrix of their square could not be held long before.
  static let features = 1 << 20
  /// Classes.
  public static let classes = 1 << 16

  public static func checkFeatures(_ count: Int, of path: String) throws {
    guard count > 0 else { throw InputError("\(path) has no features: its samples are empty") }
    guard count <= features else {
      throw InputError("\(path) has \(count) features a sample; at most \(features) are supported")
    }
  }

  /// `packed`: bytes that the samples' features are compressed to, if they are. A sample of a byte or two costs tens of bytes of
  /// memory for its label and place: features of so many that they are nearly all the same are a trap.
  static func checkSamples(_ count: Int, of path: String, packed: Int? = nil) throws {
    guard count > 0 else { throw InputError("\(path) holds no samples") }
    if let packed, count > 1 << 16, count / 4 > packed {
      throw InputError(
        "\(path) unpacks to more than 4 samples a byte, which data do not do; if they are yours, unpack them first")
    }
  }

  /// Images and labels, one of each a sample.
  static func checkCounts(_ samples: Int, _ path: String, labels: Int, _ labelPath: String)
    throws
  {
    guard samples == labels else {
      throw InputError("\(path) holds \(samples) samples, but \(labelPath) holds \(labels) labels")
    }
  }
}
