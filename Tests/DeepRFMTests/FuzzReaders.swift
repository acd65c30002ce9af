import CZlib
import Datasets
import DeepRFM
import Files
import Foundation
import LinearAlgebra
import MPI
import Report
import Runtime
import Testing

/// A reader, valid files for it, and where a mutant of them goes.
///
/// A new format needs an entry in `all`, no more.
struct FuzzReader: Sendable, CustomTestStringConvertible {
  let name: String
  /// The file that is changed, in the folder.
  let file: String
  /// Valid contents of it, before `pack`.
  let seeds: [[UInt8]]
  /// What is done to a mutant: it may be compressed, so that what is broken lies inside a sound file.
  let pack: @Sendable ([UInt8]) -> [UInt8]
  /// The other files that reading needs.
  let others: [String: [UInt8]]
  /// Whether mutants are refused at all.
  let refuses: Bool
  /// Reads all there is in the folder. Whatever is there, it returns or throws `InputError`.
  let read: @Sendable (_ folder: String) throws -> Void

  init(
    _ name: String, _ file: String, _ seeds: [[UInt8]], pack: @escaping @Sendable ([UInt8]) -> [UInt8] = { $0 },
    others: [String: [UInt8]] = [:], refuses: Bool = true, read: @escaping @Sendable (_ folder: String) throws -> Void
  ) {
    self.name = name
    self.file = file
    self.seeds = seeds
    self.pack = pack
    self.others = others
    self.refuses = refuses
    self.read = read
  }

  var testDescription: String { name }

  static let all: [FuzzReader] =
    inputArrays + variants + mnist + cifar10 + svhn + npy + libsvm + run + report + checkpoint
}

/// What was read is not what a reader promises.
struct FuzzFinding: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// Opens and reads a data set as a training run does, and checks what readers promise: every row once, of the promised
/// length, finite, labels of the promised classes.
func readFaithfully(_ name: DatasetName, _ folder: String, _ variant: DatasetVariant = DatasetVariant()) throws {
  let data = try Dataset.open(name, directory: folder, seed: 0, variant: variant)
  for reader in [data.train, data.test].compactMap({ $0 }) {
    let count = reader.sampleCount
    let labels = try reader.labels(first: count)
    let classes = try Classes(of: labels, reader)
    guard labels.count == count, classes.numbers(of: labels).allSatisfy({ 0..<classes.count ~= $0 }) else {
      throw FuzzFinding("\(labels.count) labels of \(count) samples, or one that is no class")
    }
    var seen = [Bool](repeating: false, count: count)
    // Back to front, and the last twice: as shards do, not in the file's order.
    try reader.readRows((0..<count).reversed()) { position, values in
      guard !seen[position], values.count == reader.featureCount, values.allSatisfy(\.isFinite) else {
        throw FuzzFinding("row \(position) came twice, in another length, or not finite")
      }
      seen[position] = true
    }
    guard seen.allSatisfy({ $0 }) else { throw FuzzFinding("a row did not come") }
  }
}

// MARK: - The official data sets

extension FuzzReader {
  private static func idx(_ sizes: [Int], _ body: [UInt8]) -> [UInt8] {
    bigEndian32(0x0800 + sizes.count) + sizes.flatMap(bigEndian32) + body
  }

  private static func ramp(_ count: Int, below limit: Int = 256) -> [UInt8] {
    (0..<count).map { UInt8($0 * 7 % limit) }
  }

  fileprivate static var mnist: [FuzzReader] {
    let images = idx([6, 3, 4], ramp(72))
    let labels = idx([6], ramp(6, below: 10))
    func reader(
      _ name: String, _ file: String, _ seeds: [[UInt8]], pack: @escaping @Sendable ([UInt8]) -> [UInt8] = { $0 }
    ) -> FuzzReader {
      FuzzReader(
        name, file, seeds, pack: pack,
        others: ["train-images-idx3-ubyte": images, "train-labels-idx1-ubyte": labels]
      ) { try readFaithfully(.mnist, $0) }
    }
    return [
      reader("MNIST images", "train-images-idx3-ubyte", [images, idx([6, 1, 1], ramp(6)), labels]),
      reader("MNIST labels", "train-labels-idx1-ubyte", [labels, images]),
      reader("MNIST images, gzip", "train-images-idx3-ubyte", [gzip(images), gzip(images) + gzip([])]),
      reader("MNIST images inside gzip", "train-images-idx3-ubyte", [images, labels], pack: { gzip($0) }),
    ]
  }

  fileprivate static var cifar10: [FuzzReader] {
    func record(_ index: Int) -> [UInt8] { [UInt8(index)] + ramp(3072) }
    let batches = (1...5).map { ("data_batch_\($0).bin", record($0)) }
    let others = Dictionary(uniqueKeysWithValues: batches).merging(["batches.meta.txt": Array("a\nb\n".utf8)]) { $1 }
    let two = record(3) + record(9)
    let names = Array((0..<10).map { "name\($0)" }.joined(separator: "\n").utf8)
    return [
      FuzzReader("CIFAR-10", "data_batch_2.bin", [two, record(0)], others: others) { try readFaithfully(.cifar10, $0) },
      FuzzReader("CIFAR-10, gzip", "data_batch_2.bin", [gzip(two), gzip(record(1))], others: others) {
        try readFaithfully(.cifar10, $0)
      },
      // Names that are none are passed over.
      FuzzReader("CIFAR-10 names", "batches.meta.txt", [names], others: others, refuses: false) {
        try readFaithfully(.cifar10, $0)
      },
    ]
  }

  // MARK: SVHN

  private static func element(_ type: Int, _ data: [UInt8]) -> [UInt8] {
    littleEndian32(type) + littleEndian32(data.count) + data + [UInt8](repeating: 0, count: (8 - data.count % 8) % 8)
  }

  private static func matrix(
    _ name: String, _ sizes: [Int], _ data: [UInt8], type: Int = 2, flags: Int = 9
  ) -> [UInt8] {
    let contents =
      element(6, littleEndian32(flags) + littleEndian32(0)) + element(5, sizes.flatMap(littleEndian32))
      + element(1, Array(name.utf8)) + element(type, data)
    return littleEndian32(14) + littleEndian32(contents.count) + contents
  }

  private static func compressed(_ element: [UInt8]) -> [UInt8] {
    let packed = deflated(element, windowBits: 15)
    return littleEndian32(15) + littleEndian32(packed.count) + packed
  }

  fileprivate static var svhn: [FuzzReader] {
    let header =
      Array("MATLAB 5.0 MAT-file".utf8) + [UInt8](repeating: 0x20, count: 105) + [0, 1] + Array("IM".utf8)
    let x = matrix("X", [2, 3, 3, 5], ramp(90))
    let y = matrix("y", [5, 1], [10, 1, 9, 5, 10])
    let real = matrix("X", [2, 3, 3, 5], bytes(ramp(90).map { Float($0) }), type: 7, flags: 7)
    let whole = [header + x + y, header + real + y]
    let packed = [header + compressed(x) + compressed(y), header + compressed(y) + x]
    func reader(
      _ name: String, _ seeds: [[UInt8]], pack: @escaping @Sendable ([UInt8]) -> [UInt8] = { $0 }
    ) -> FuzzReader {
      FuzzReader(name, "train_32x32.mat", seeds, pack: pack) { try readFaithfully(.svhn, $0) }
    }
    return [
      reader("SVHN", whole), reader("SVHN, compressed", packed),
      reader("SVHN inside compressed", [x, real], pack: { header + compressed($0) + compressed(y) }),
    ]
  }
}

// MARK: - General formats

extension FuzzReader {
  private static func npy(
    _ descr: String, _ shape: String, _ data: [UInt8], fortran: Bool = false, version: UInt8 = 1
  ) -> [UInt8] {
    let text = Array(
      "{'descr': '\(descr)', 'fortran_order': \(fortran ? "True" : "False"), 'shape': \(shape), }\n".utf8)
    let length = littleEndian32(text.count)
    return [0x93] + Array("NUMPY".utf8) + [version, 0] + (version == 1 ? Array(length[..<2]) : length) + text + data
  }

  fileprivate static var npy: [FuzzReader] {
    let values = (0..<24).map { Double($0) / 3 }
    let x = [
      npy("<f8", "(4, 6)", bytes(values)), npy("<f8", "(4, 2, 3)", bytes(values), fortran: true),
      npy(">f4", "(4, 6)", bytes(values.map { Float($0) }, swapped: true), version: 2),
      npy("|u1", "(4, 3, 1, 2)", [UInt8](repeating: 3, count: 24), fortran: true, version: 3),
    ]
    let y = [
      npy("<i8", "(4,)", bytes([0, 2, 1, 1])), npy("|u1", "(4, 1)", [0, 1, 2, 3]),
      npy("<f4", "(4,)", bytes([Float(0), 1, 0, 1])),
    ]
    let others = ["train_x.npy": x[0], "train_y.npy": y[0]]
    return [
      FuzzReader("NPY features", "train_x.npy", x, others: others) { try readFaithfully(.npy, $0) },
      FuzzReader("NPY labels", "train_y.npy", y, others: others) { try readFaithfully(.npy, $0) },
    ]
  }

  fileprivate static var libsvm: [FuzzReader] {
    let text = ["+1 1:0.5 3:-2e-1 # first\n\n-1   2:7\t\n2\n-1 1:1e300 4:.25\r\n1 4:1", "0 1:1 2:2\n1 1:2\n0 2:3\n"]
    let seeds = text.map { Array($0.utf8) }
    return [
      FuzzReader("LIBSVM", "train", seeds) { try readFaithfully(.libsvm, $0) },
      FuzzReader("LIBSVM test part", "test", seeds, others: ["train": seeds[0]]) { try readFaithfully(.libsvm, $0) },
      FuzzReader("LIBSVM, gzip", "train", seeds.map(gzip)) { try readFaithfully(.libsvm, $0) },
    ]
  }
}

// MARK: - A run's files

extension FuzzReader {
  fileprivate static var run: [FuzzReader] {
    let files = FuzzRun.files
    func reader(_ name: String, _ file: String, read: @escaping @Sendable (String) throws -> Void) -> FuzzReader {
      FuzzReader(name, file, [files[file] ?? []], others: files, read: read)
    }
    let predict: @Sendable (String) throws -> Void = { _ = try TrainedRun($0) }
    return [
      reader("config.json", "config.json", read: predict),
      reader("metrics.jsonl", "metrics.jsonl") { _ = try RunFolder($0).readMetrics() },
      reader("data.safetensors", "data.safetensors", read: predict),
      reader("layer file", "layers/01.safetensors", read: predict),
      reader("safetensors", "layers/02.safetensors") { folder in
        let file = try SafetensorsFile("\(folder)/layers/02.safetensors")
        for tensor in file.tensors {
          let values = try file.read(tensor.name, as: Double.self)
          guard values.count == tensor.shape.reduce(1, *) else {
            throw FuzzFinding("\(values.count) values of \(tensor)")
          }
          if tensor.type == .int64 { _ = try file.read(tensor.name, rows: 0..<tensor.rows, as: Int.self) }
        }
      },
    ]
  }
}

// MARK: - The report

extension FuzzReader {
  /// The page too: it draws whatever numbers it is given.
  fileprivate static var report: [FuzzReader] {
    let files = FuzzRun.files
    return ["config.json", "metrics.jsonl", "data.safetensors", "layers/01.safetensors"].map { file in
      FuzzReader("report: \(file)", file, [files[file] ?? []], others: files, refuses: file.hasPrefix("config")) {
        folder in
        let page = Page.html(of: [try RunRecord(reading: folder)])
        guard page.hasSuffix("</html>\n") || page.hasSuffix("</html>") else { throw FuzzFinding("the page has no end") }
      }
    }
  }
}

// MARK: - Checkpoints

extension FuzzReader {
  private static let world = Result {
    let world = try startMPI()
    atexit { try? endMPI() }
    return world
  }

  fileprivate static var checkpoint: [FuzzReader] {
    let name = "layer.safetensors"
    let whole: [UInt8]
    do {
      let scratch = try ScratchDirectory()
      let state = Checkpoint(
        facts: .object([JSON.Member("layer", JSON(2))]),
        spread: [SavedTensor("x", Matrix<Double>(rows: 4, columns: 2))],
        shared: [SavedTensor("m", [1, 2, 3])], own: [SavedTensor("o", Matrix<Float>(rows: 2, columns: 2))])
      _ = try CheckpointFile(scratch.file(name)).write(state, world.get())
      whole = try scratch.bytes(name)
    } catch { fatalError("the tests' checkpoint cannot be written: \(error)") }
    let read: @Sendable (String) throws -> Void = { folder in
      do {
        let file = CheckpointFile("\(folder)/\(name)")
        let state = try file.read(try world.get(), rows: 0..<4) { _ in true }
        guard state.spread.allSatisfy({ $0.rows == 4 }) else { throw FuzzFinding("a spread matrix has other rows") }
      } catch let error as CheckpointError {
        throw InputError("\(error)")
      }
    }
    return [
      FuzzReader("checkpoint", name, [whole], read: read),
      // An enemy makes the checksum right again: safetensors from here on.
      FuzzReader("checkpoint, checksum right", name, [whole], pack: { resummed($0) }, read: read),
    ]
  }

  private static func resummed(_ bytes: [UInt8]) -> [UInt8] {
    let body = bytes.dropLast(8)
    let sum = body.withUnsafeBytes { crc32_z(0, $0.bindMemory(to: UInt8.self).baseAddress, body.count) }
    return body + (0..<8).map { UInt8(truncatingIfNeeded: sum >> (8 * $0)) }
  }
}
