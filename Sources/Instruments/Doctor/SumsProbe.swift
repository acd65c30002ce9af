import LinearAlgebra
import MPI

/// Whether a reduction gives all ranks the same bits: MPI recommends it and does not promise it. Nothing here depends on it, since
/// decisions are rank 0's; other programs of the user may.
enum SumsProbe {
  /// Short sums and long ones go other ways through an MPI library.
  private static let lengths = [1, 10, 1_000, 300_000]

  /// *Collective.* nil: one rank.
  static func finding(_ world: Communicator) throws -> HostFinding? {
    guard world.size > 1 else { return nil }
    let random = RandomStream(seed: 1, layer: 0, purpose: .probe)
    var differing: [Int] = []
    for length in lengths {
      var values = (0..<length).map { random.normal(row: world.rank, column: $0) }
      try world.sum(&values)
      let folded = values.reduce(UInt64(0)) { ($0 &* 0x9E37_79B9_7F4A_7C15) ^ $1.bitPattern }
      let all = try world.allGather([Double(bitPattern: folded & 0x3FFF_FFFF_FFFF_FFFF)])
      if Set(all.joined().map(\.bitPattern)).count > 1 { differing.append(length) }
    }
    guard !differing.isEmpty else { return HostFinding("sums", .ok, "the same bits on all \(world.size) ranks") }
    let which = differing.map(String.init).joined(separator: ", ")
    return HostFinding("sums", .ok, "other bits on other ranks in sums of \(which) numbers: nothing here depends on it")
  }
}
