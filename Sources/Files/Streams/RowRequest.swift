/// One wanted row: its index in the file, and its position in the caller's list.
public struct RowRequest: Sendable {
  public let index: Int
  public let position: Int

  public init(index: Int, position: Int) {
    self.index = index
    self.position = position
  }

  /// The caller's list in file order, as every reader goes through its file once, forward.
  /// Throws `InputError` where an index is not in `0..<count`.
  public static func inFileOrder(_ indices: [Int], count: Int, of path: String) throws
    -> [RowRequest]
  {
    var requests: [RowRequest] = []
    requests.reserveCapacity(indices.count)
    var isAscending = true
    for (position, index) in indices.enumerated() {
      guard index >= 0, index < count else {
        throw InputError("\(path) has no sample \(index): it holds \(count)")
      }
      if let last = requests.last, last.index > index { isAscending = false }
      requests.append(RowRequest(index: index, position: position))
    }
    if !isAscending { requests.sort { ($0.index, $0.position) < ($1.index, $1.position) } }
    return requests
  }
}
