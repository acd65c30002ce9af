import CZlib
import Datasets
import DeepRFM
import Files
import Foundation
import LinearAlgebra
import Testing

/// A temporary folder that goes away with its owner.
final class TemporaryFolder: Sendable {
  let path: String

  init() throws {
    // Thousands of small files: in memory where the system offers it.
    let memory = "/dev/shm"
    let parent = access(memory, W_OK) == 0 ? memory : FileManager.default.temporaryDirectory.path
    path = "\(parent)/deeprfm-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file and returns its path.
  @discardableResult
  func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    let file = "\(path)/\(name)"
    if name.contains("/") {
      try FileManager.default.createDirectory(
        atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    }
    // Some file systems flush a file that is emptied and written again: slow when done thousands of times.
    unlink(file)
    try Data(bytes).write(to: URL(fileURLWithPath: file))
    return file
  }

  func remove(_ name: String) throws {
    try FileManager.default.removeItem(atPath: "\(path)/\(name)")
  }
}

/// Compresses: gzip (window bits 31) or zlib (15).
func deflated(_ bytes: [UInt8], windowBits: Int32) -> [UInt8] {
  var stream = z_stream()
  deflateInit2_(
    &stream, 6, Z_DEFLATED, windowBits, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
    Int32(MemoryLayout<z_stream>.size))
  defer { deflateEnd(&stream) }
  var input = bytes
  var output = [UInt8](repeating: 0, count: Int(deflateBound(&stream, UInt(bytes.count))) + 64)
  let left = input.withUnsafeMutableBufferPointer { source in
    output.withUnsafeMutableBufferPointer { target in
      stream.next_in = source.baseAddress
      stream.avail_in = UInt32(source.count)
      stream.next_out = target.baseAddress
      stream.avail_out = UInt32(target.count)
      _ = deflate(&stream, Z_FINISH)
      return Int(stream.avail_out)
    }
  }
  return Array(output.dropLast(left))
}

func gzip(_ bytes: [UInt8]) -> [UInt8] { deflated(bytes, windowBits: 31) }

func bigEndian32(_ value: Int) -> [UInt8] {
  (0..<4).map { (place: Int) -> UInt8 in UInt8(truncatingIfNeeded: value >> (24 - 8 * place)) }
}
func littleEndian32(_ value: Int) -> [UInt8] { bigEndian32(value).reversed() }

/// Bytes of numbers as they are in memory, or swapped.
func bytes<Element: BitwiseCopyable>(_ values: [Element], swapped: Bool = false) -> [UInt8] {
  values.flatMap { value in
    let raw = withUnsafeBytes(of: value, Array.init)
    return swapped ? raw.reversed() : raw
  }
}

/// A repeatable source of bytes for contents and mutations.
struct Repeatable: RandomNumberGenerator {
  private let stream: RandomStream
  private var row = 0

  init(_ seed: UInt64) { stream = RandomStream(seed: seed, layer: 0, purpose: .probe) }

  mutating func next() -> UInt64 {
    let words = stream.words(row: row, column: 0)
    row += 1
    return UInt64(words.0) << 32 | UInt64(words.1)
  }

  mutating func bytes(_ count: Int, below limit: Int = 256) -> [UInt8] {
    (0..<count).map { _ in UInt8(Int.random(in: 0..<limit, using: &self)) }
  }
}

/// All rows asked for, in the order asked; checks that each position comes once.
func rows(_ reader: any SampleReader, _ indices: [Int]) throws -> [[Double]] {
  var result = [[Double]?](repeating: nil, count: indices.count)
  try reader.readRows(indices) { position, values in
    #expect(result[position] == nil)
    result[position] = Array(values)
  }
  return result.compactMap { $0 }
}

func allRows(_ reader: any SampleReader) throws -> [[Double]] {
  try rows(reader, Array(0..<reader.sampleCount))
}

/// Opens a set in a folder that lives at least until then; open files outlive it.
func open(
  _ name: DatasetName, _ folder: TemporaryFolder, trainSamples: Int? = nil, testSamples: Int? = nil
) throws -> Dataset {
  try withExtendedLifetime(folder) {
    try Dataset.open(
      name, directory: folder.path, seed: 0, trainSamples: trainSamples, testSamples: testSamples)
  }
}

/// Opens and reads everything, as a training run does.
func readAll(_ name: DatasetName, _ folder: String) throws {
  let data = try Dataset.open(name, directory: folder, seed: 0)
  for reader in [data.train, data.test].compactMap({ $0 }) {
    _ = try reader.labels(first: reader.sampleCount)
    try reader.readRows(Array(0..<reader.sampleCount)) { _, _ in }
  }
}

/// The sentence of the `InputError` that reading everything must give.
func complaint(_ name: DatasetName, _ folder: TemporaryFolder) -> String {
  complaint { try readAll(name, folder.path) }
}

func complaint(_ body: () throws -> Void) -> String {
  do {
    try body()
    return "(no error)"
  } catch let error as InputError {
    return error.description
  } catch {
    return "(not an InputError: \(error))"
  }
}

/// Expects one sentence that has all the parts.
func expectComplaint(
  _ text: String, _ parts: String..., at location: SourceLocation = #_sourceLocation
) {
  for part in parts { #expect(text.contains(part), "\(text)", sourceLocation: location) }
  #expect(!text.contains("\n"), "\(text)", sourceLocation: location)
}

/// Changes `original` in many ways and reads it: every outcome but success and `InputError` is a failure.
func mutate(
  _ original: [UInt8], times: Int, seed: UInt64, _ read: (_ mutant: [UInt8]) throws -> Void
) throws {
  var random = Repeatable(seed)
  for _ in 0..<times {
    var mutant = original
    for _ in 0..<Int.random(in: 1...3, using: &random) { change(&mutant, &random) }
    do { try read(mutant) } catch is InputError {}
  }
}

private func change(_ bytes: inout [UInt8], _ random: inout Repeatable) {
  guard !bytes.isEmpty else { return }
  // Half of the changes hit the first bytes, where headers are.
  let reach = Bool.random(using: &random) ? min(bytes.count, 160) : bytes.count
  let place = Int.random(in: 0..<reach, using: &random)
  switch Int.random(in: 0..<7, using: &random) {
  case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
  case 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
  case 2: bytes.removeSubrange(place...)
  case 3: bytes.remove(at: place)
  case 4: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
  case 5:
    for i in place..<min(place + 4, bytes.count) {
      bytes[i] = Bool.random(using: &random) ? 0xff : 0
    }
  default: bytes += random.bytes(Int.random(in: 1...9, using: &random))
  }
}
