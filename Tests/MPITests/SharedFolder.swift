import Foundation
import MPI
import Testing

/// A folder that all ranks of this host share, removed by rank 0 when the last reference goes.
final class SharedFolder {
  let path: String
  private let owns: Bool

  init(_ world: Communicator) throws {
    let name = FileManager.default.temporaryDirectory.appendingPathComponent("deeprfm-" + UUID().uuidString)
    path = try world.broadcast(name.path, from: 0)
    owns = world.rank == 0
    if owns { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    try world.barrier()
  }

  deinit { if owns { try? FileManager.default.removeItem(atPath: path) } }
}

/// *Collective.* Runs `body` with a folder that holds these files, text by name. - Parameter world: nil: all ranks.
func withFolder(
  _ files: [String: String] = [:], of world: Communicator? = nil,
  _ body: (_ folder: String, _ world: Communicator) throws -> Void
) throws {
  let world = try world ?? TestWorld.all
  let folder = try SharedFolder(world)
  for (name, text) in files { try write(text, "\(folder.path)/\(name)", world) }
  try body(folder.path, world)
  try world.barrier()
  withExtendedLifetime(folder) {}
}

/// *Collective.* A file that all ranks see.
func write(_ text: String, _ path: String, _ world: Communicator) throws {
  if world.rank == 0 { try text.write(toFile: path, atomically: true, encoding: .utf8) }
  try world.barrier()
}

/// On the rank that sees it an `InputError`, on the others its sentence: all end with status 2.
func expectRefusal(_ part: String, _ body: () throws -> Void) {
  do {
    try body()
    Issue.record("nothing was refused")
  } catch let error as any RankError {
    #expect(error.sentence.contains(part) && error.exitStatus == 2, "\(error.sentence)")
  } catch { Issue.record("\(error)") }
}
