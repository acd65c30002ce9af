import Glibc

/// A short name of a file's contents: two that differ have, but for one chance in 10^19, different ones. No protection against
/// someone who wants them equal. (FNV-1a, 64 bits, over words)
package struct Digest: Sendable, Equatable {
  private var state: UInt64 = 0xcbf2_9ce4_8422_2325

  package init() {}

  package mutating func add(_ bytes: some Sequence<UInt8>) {
    for byte in bytes { state = (state ^ UInt64(byte)) &* 0x100_0000_01b3 }
  }

  package var text: String {
    let digits = String(state, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}

extension Digest {
  /// *Local.* Of the file that this process runs; nil where the system does not show it.
  package static var ofProgram: String? {
    guard let bytes = try? File.contents("/proc/self/exe", limit: 1 << 28) else { return nil }
    var digest = Digest()
    digest.add(bytes)
    return digest.text
  }

  /// Bytes taken of each file's beginning: enough to tell one set from another without reading all of it.
  private static let sample = 1 << 16

  /// *Local.* Of the names, sizes and beginnings of a folder's files, one level deep. Throws `InputError`.
  package static func ofFolder(_ path: String) throws -> String {
    guard let folder = opendir(path) else { throw InputError("\(path) cannot be read: \(FileError.reason(errno))") }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    var digest = Digest()
    for name in names.sorted() {
      // Folders and pipes are no data.
      guard let file = try? InputFile("\(path)/\(name)") else { continue }
      digest.add("\(name) \(file.size) ".utf8)
      digest.add(try file.beginning(sample))
    }
    return digest.text
  }
}
