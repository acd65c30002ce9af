import DeepRFM
import Foundation
import Runtime
import Testing

/// A run directory from somewhere else reads nothing outside of itself, and nothing that is no file.
@Suite struct FuzzRunDirectoryTests {
  private let scratch: ScratchDirectory
  private var run: String { scratch.file("run") }

  init() throws {
    scratch = try ScratchDirectory()
    try FuzzRun.write(scratch.file("run"))
  }

  private func readAll() throws {
    _ = try TrainedRun(run)
    _ = try RunFolder(run).readMetrics()
  }

  private static let names = ["config.json", "metrics.jsonl", "data.safetensors", "layers/01.safetensors", "layers"]

  @Test(arguments: names)
  func linksOut(name: String) throws {
    try FileManager.default.moveItem(atPath: "\(run)/\(name)", toPath: scratch.file("elsewhere"))
    for target in [scratch.file("elsewhere"), name.contains("/") ? "../../elsewhere" : "../elsewhere"] {
      try FileManager.default.createSymbolicLink(atPath: "\(run)/\(name)", withDestinationPath: target)
      expectComplaint(complaint { try readAll() }, name, "outside")
      unlink("\(run)/\(name)")
    }
  }

  @Test(arguments: names.dropLast())
  func pipes(name: String) throws {
    unlink("\(run)/\(name)")
    mkfifo("\(run)/\(name)", 0o600)
    expectComplaint(complaint { try readAll() }, name, "not a regular file")
  }

  @Test(arguments: names.dropLast())
  func devices(name: String) throws {
    unlink("\(run)/\(name)")
    try FileManager.default.createSymbolicLink(atPath: "\(run)/\(name)", withDestinationPath: "/dev/zero")
    expectComplaint(complaint { try readAll() }, name, "outside")
  }

  /// A link that stays inside, and a link to the whole directory, are the user's own order.
  @Test func linksWithin() throws {
    try FileManager.default.moveItem(atPath: "\(run)/data.safetensors", toPath: "\(run)/moved")
    try FileManager.default.createSymbolicLink(atPath: "\(run)/data.safetensors", withDestinationPath: "moved")
    try readAll()
    try FileManager.default.createSymbolicLink(atPath: scratch.file("link"), withDestinationPath: run)
    _ = try TrainedRun(scratch.file("link"))
  }
}
