import Datasets
import DeepRFM
import Files
import Foundation
import Testing

/// Small files that promise, or unpack to, far more than their size: refused before memory is asked for. What fuzzing found, or
/// reading with its eyes.
@Suite(.serialized) struct FuzzBombTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func expectRefusal(_ name: DatasetName, _ parts: String...) throws {
    let before = FuzzMemory.beginPeak()
    let start = ContinuousClock.now
    let text = complaint(name, folder)
    for part in parts { expectComplaint(text, part) }
    #expect(FuzzMemory.peak() - before < FuzzMemory.limit)
    #expect((ContinuousClock.now - start) / .seconds(1) < FuzzMemory.patience)
  }

  /// Bytes that repeat, in as many gzip members as make the wanted number.
  private func bomb(_ unit: [UInt8], _ members: Int) -> [UInt8] {
    let megabyte = (0..<(1 << 20) / unit.count).flatMap { _ in unit }
    return (0..<members).flatMap { [packed = gzip(megabyte)] _ in packed }
  }

  @Test func sparseLine() throws {
    try folder.write("train", Array("1 16777216:1\n".utf8))
    try expectRefusal(.libsvm, "line 1", "index 16777216")
  }

  /// However long a line is, no more of it is kept than there may be features.
  @Test func lineOfManyEntries() throws {
    try folder.write("train", Array("1".utf8) + (0..<(2 << 20)).flatMap { _ in Array(" 1:1".utf8) })
    try expectRefusal(.libsvm, "line 1", "more than the 1048576 features")
    try folder.write("train", [UInt8](repeating: 0x31, count: 8 << 20))
    try expectRefusal(.libsvm, "line 1", "256 characters")
  }

  /// Of a table no more than a field is held, and no more names than there may be features.
  @Test func tableOfOneLine() throws {
    let header = Array("a,y\n".utf8)
    try folder.write("train.csv", header + [UInt8](repeating: 0x31, count: 8 << 20))
    try expectRefusal(.csv, "line 2", "65536 bytes")
    try folder.write("train.csv", header + [0x22] + [UInt8](repeating: 0x0a, count: 8 << 20))
    try expectRefusal(.csv, "line 2", "never closed")
    try folder.write("train.csv", header + (0..<(2 << 20)).flatMap { _ in Array("1,".utf8) })
    try expectRefusal(.csv, "line 2", "more fields than the header")
    try folder.write("train.csv", (0..<(2 << 20)).flatMap { _ in Array("1,".utf8) })
    try expectRefusal(.csv, "line 1", "longer than 1048576 names")
  }

  @Test func tableThatUnpacks() throws {
    try folder.write("train.csv", gzip(Array("a,y\n".utf8)) + bomb(Array("1,1\n".utf8), 200))
    try expectRefusal(.csv, "unpacks to more than")
    try folder.write("train.csv", gzip(Array("a,y\n".utf8)) + bomb(Array("\n".utf8), 200))
    try expectRefusal(.csv, "unpacks to more than 200 times its size")
  }

  @Test func linesThatUnpack() throws {
    try folder.write("train", bomb(Array("1\n".utf8), 200))
    try expectRefusal(.libsvm, "unpacks to more than 4 samples a byte")
    try folder.write("train", bomb(Array("\n".utf8), 200))
    try expectRefusal(.libsvm, "unpacks to more than 200 times its size")
  }

  /// Pictures are read one by one, whatever they were packed to: room for all is the memory plan's to ask for.
  @Test func recordsThatUnpack() throws {
    try folder.write("data_batch_1.bin", gzip([UInt8](repeating: 0, count: 3073 * 10_000)))
    let before = FuzzMemory.beginPeak()
    try readAll(.cifar10, folder.path)
    #expect(FuzzMemory.peak() - before < FuzzMemory.limit)
  }

  @Test func sizesThatUnpack() throws {
    let count = 200 << 20
    let images = bigEndian32(0x0803) + bigEndian32(count) + bigEndian32(1) + bigEndian32(1)
    try folder.write("train-images-idx3-ubyte", gzip(images) + bomb([0], 200))
    try folder.write("train-labels-idx1-ubyte", gzip(bigEndian32(0x0801) + bigEndian32(count)) + bomb([0], 200))
    try expectRefusal(.mnist, "train-images-idx3-ubyte", "unpacks to more than 4 samples a byte")
  }

  /// Images of one pixel: within the ratio, but many.
  @Test func pixelsThatUnpack() throws {
    let count = 160 << 10
    let images = bigEndian32(0x0803) + bigEndian32(count) + bigEndian32(1) + bigEndian32(1)
    try folder.write("train-images-idx3-ubyte", gzip(images + [UInt8](repeating: 0, count: count)))
    try folder.write(
      "train-labels-idx1-ubyte", gzip(bigEndian32(0x0801) + bigEndian32(count) + [UInt8](repeating: 0, count: count)))
    try expectRefusal(.mnist, "train-images-idx3-ubyte", "unpacks to more than 4 samples a byte")
  }

  @Test func packedButSound() throws {
    // What compresses well is still read while it is small, or the ratio one that data have.
    try folder.write("train", gzip((0..<20_000).flatMap { Array("\($0 % 2) 1:1\n".utf8) }))
    try readAll(.libsvm, folder.path)
  }

  /// A terminal obeys what a file's words tell it; a screen is no place for a megabyte.
  @Test func wordsOfAFile() {
    #expect(InputError("a\u{1b}]0;b\u{7}c\nd\u{9b}e").sentence == "a?]0;b?c?d?e")
    #expect(InputError(String(repeating: "é", count: 5000)).sentence.count == 1002)
    #expect(InputError("/tmp/é ∞: it’s fine").sentence == "/tmp/é ∞: it’s fine")
  }
}
