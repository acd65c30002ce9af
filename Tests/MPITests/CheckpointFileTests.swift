import Files
import Foundation
import LinearAlgebra
import MPI
import Runtime
import Testing

/// The file of a state inside a layer.
@Suite(.serialized) struct CheckpointFileTests {
  private func rows(_ world: Communicator) -> Range<Int> {
    Layout(classCounts: [7, 4], ranks: world.size).shard(of: world.rank)
  }

  /// 11 spread rows, a shared matrix, and of each rank a matrix of another height, some empty.
  private func sample(_ world: Communicator) -> Checkpoint {
    let rows = rows(world)
    let spread = Matrix<Double>(rows: rows.count, columns: 3)
    for (i, row) in rows.enumerated() { for k in 0..<3 { spread[i, k] = Double(row) + 0.1 * Double(k) } }
    let own = Matrix<Float>(rows: world.rank % 3, columns: 5)
    for k in 0..<own.count { own.pointer[k] = Float(world.rank) + Float(k) / 3 }
    return Checkpoint(
      facts: .object([JSON.Member("layer", JSON(3))]), spread: [SavedTensor("x", spread)],
      shared: [SavedTensor("numbers", [1, .infinity, -0.0, .nan])],
      own: [SavedTensor("part", own), SavedTensor("place", [Double(world.rank)])])
  }

  private func bits(_ tensor: SavedTensor) -> [UInt8] { withExtendedLifetime(tensor) { [UInt8](tensor.bytes) } }

  @Test func whatWasWrittenIsReadBack() throws {
    let world = try TestWorld.all
    let folder = try SharedFolder(world)
    let (file, sample) = (CheckpointFile(folder.path + "/state"), sample(world))
    #expect(try file.write(sample, world) > 11 * 24)
    let back = try file.read(world, rows: rows(world)) { $0["layer"] == JSON(3) }
    #expect(back.facts["layer"] == JSON(3) && back.facts["ranks"] == JSON(world.size))
    for (a, b) in zip(sample.spread + sample.shared + sample.own, back.spread + back.shared + back.own) {
      #expect(a.name == b.name && a.rows == b.rows && a.columns == b.columns && bits(a) == bits(b))
    }
    #expect(back.own.count == 2)
    if world.rank == 0 {
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["state"])
    }
    try world.barrier()
  }

  /// Another rank count reads what is spread and shared.
  @Test func otherRanks() throws {
    let world = try TestWorld.all
    let folder = try SharedFolder(world)
    let file = CheckpointFile(folder.path + "/state")
    _ = try file.write(sample(world), world)
    let alone = try world.split(color: world.rank, key: 0)
    let back = try file.read(alone, rows: 0..<11) { _ in true }
    let x: Matrix<Double> = try back.spread.matrix("x")
    #expect(x.rows == 11 && x[10, 2] == 10.2 && x[0, 0] == 0)
    #expect(back.own.isEmpty == (world.size > 1))
    try world.barrier()
  }

  private func expectRefusal(_ file: CheckpointFile, _ world: Communicator, _ words: String) {
    let error = #expect(throws: CheckpointError.self) { try file.read(world, rows: self.rows(world)) { _ in true } }
    #expect(error?.description.contains(words) == true)
  }

  @Test func everyFlippedBitAndEveryCutIsFound() throws {
    let world = try TestWorld.all
    let folder = try SharedFolder(world)
    let file = CheckpointFile(folder.path + "/state")
    _ = try file.write(sample(world), world)
    guard world.rank == 0 else { return try world.barrier() }
    let url = URL(fileURLWithPath: file.path)
    let whole = try Data(contentsOf: url)
    for position in whole.indices {
      var flipped = whole
      flipped[position] ^= 1 << UInt8(position % 8)
      try flipped.write(to: url)
      #expect(throws: CheckpointError.self) { try file.verify() }
    }
    for count in 0..<whole.count {
      try whole.prefix(count).write(to: url)
      #expect(throws: CheckpointError.self) { try file.verify() }
    }
    try world.barrier()
  }

  @Test func damageReachesAllRanks() throws {
    let world = try TestWorld.all
    let folder = try SharedFolder(world)
    let file = CheckpointFile(folder.path + "/state")
    expectRefusal(file, world, "state")
    _ = try file.write(sample(world), world)
    if world.rank == 0 {
      let url = URL(fileURLWithPath: file.path)
      var data = try Data(contentsOf: url)
      data[data.count / 2] ^= 2
      try data.write(to: url)
    }
    try world.barrier()
    expectRefusal(file, world, "damaged")
  }

  /// A later format, its checksum right.
  @Test func anotherVersion() throws {
    let world = try TestWorld.all
    let folder = try SharedFolder(world)
    let file = CheckpointFile(folder.path + "/state")
    _ = try file.write(sample(world), world, format: CheckpointFile.format + 1)
    expectRefusal(file, world, "version")
  }

  /// A folder that is not there, on rank 0, reaches all ranks; what was there stays.
  @Test func whatCannotBeWritten() throws {
    let world = try TestWorld.all
    let folder = try SharedFolder(world)
    #expect(throws: (any Error).self) {
      try CheckpointFile(folder.path + "/missing/state").write(sample(world), world)
    }
  }

  @Test func ledgerKnowsWhatChanged() throws {
    let world = try TestWorld.all
    let folder = try SharedFolder(world)
    guard world.rank == 0 else { return try world.barrier() }
    let run = RunFolder(folder.path)
    let checkpoints = CheckpointFolder(run)
    try FileManager.default.createDirectory(atPath: checkpoints.path, withIntermediateDirectories: true)
    try Data("123456789".utf8).write(to: URL(fileURLWithPath: folder.path + "/a"))
    var manifest = Manifest()
    try manifest.note("a", in: run)
    manifest.note(line: Array("line\n".utf8), of: 2)
    // The CRC-32 of "123456789" that every description of it gives.
    #expect(manifest["a"] == Fingerprint(bytes: 9, crc32: 0xCBF4_3926))
    try manifest.write(checkpoints)
    let back = Manifest(checkpoints)
    #expect(back == manifest && back.holds("a", in: run) && !back.holds("b", in: run))
    #expect(back.holds(line: Array("line\n".utf8), of: 2) && !back.holds(line: Array("lime\n".utf8), of: 2))
    try Data("123456788".utf8).write(to: URL(fileURLWithPath: folder.path + "/a"))
    #expect(!back.holds("a", in: run))
    try world.barrier()
  }
}
