extension Range<Int> {
  public func shifted(by offset: Int) -> Range { (lowerBound + offset)..<(upperBound + offset) }

  /// The range in equal consecutive pieces of at most `limit`.
  public func pieces(ofAtMost limit: Int) -> [Range<Int>] {
    guard !isEmpty else { return [] }
    let parts = (count + limit - 1) / limit
    return (0..<parts).map {
      (lowerBound + count * $0 / parts)..<(lowerBound + count * ($0 + 1) / parts)
    }
  }
}

extension Collection<Range<Int>> {
  /// The smallest range that holds all of them.
  public var hull: Range<Int> {
    guard let least = self.map(\.lowerBound).min(), let most = self.map(\.upperBound).max() else { return 0..<0 }
    return least..<most
  }
}
