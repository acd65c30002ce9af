import Datasets
import Files
import Foundation
import Runtime

/// The readers of what other programs write.
extension FuzzReader {
  private static func reader(
    _ name: String, _ set: DatasetName, _ file: String, _ seeds: [[UInt8]], others: [String: [UInt8]] = [:],
    pack: @escaping @Sendable ([UInt8]) -> [UInt8] = { $0 }
  ) -> FuzzReader {
    FuzzReader(name, file, seeds, pack: pack, others: others) { try readFaithfully(set, $0) }
  }

  static var variants: [FuzzReader] { idxForms + cifar100 + packedMAT + arrays + archives + lines + tables }

  private static var idxForms: [FuzzReader] {
    let values = (0..<24).map { $0 * 37 - 99 }
    let images = [
      Made.idx([4, 6], bytes(values.map { Float($0) }, swapped: true), type: 0x0d),
      Made.idx([4, 1, 3, 2], bytes(values.map { Int16($0) }, swapped: true), type: 0x0b),
      Made.idx([4, 2, 3], bytes(values.map { Double($0) }, swapped: true), type: 0x0e),
    ]
    let labels = [
      Made.idx([4], [61, 1, 26, 1]), Made.idx([4, 1], bytes([Int32(-1), 7, 7, 3], swapped: true), type: 0x0c),
    ]
    let names = (images: "emnist-x-train-images-idx3-ubyte", labels: "emnist-x-train-labels-idx1-ubyte")
    let others = [names.images: images[0], names.labels: labels[0]]
    return [
      reader("IDX of other types", .idx, names.images, images, others: others),
      reader("IDX labels of other types", .idx, names.labels, labels, others: others),
    ]
  }

  private static var cifar100: [FuzzReader] {
    let record = { (coarse: UInt8, fine: UInt8) in [coarse, fine] + (0..<3072).map { UInt8($0 & 0xff) } }
    return [reader("CIFAR-100", .cifar100, "train.bin", [record(3, 99) + record(1, 5), record(0, 0)])]
  }

  private static var packedMAT: [FuzzReader] {
    let files = [false, true].map { isPacked in
      Made.mat([
        Made.variable("X", [2, 3, 1, 3], (0..<18).map { UInt8($0) }, isPacked: isPacked),
        Made.variable("y", [3, 1], [10, 0, 3], isPacked: isPacked),
      ])
    }
    return [
      reader("SVHN inside gzip", .svhn, "train_32x32.mat", files, pack: { gzip($0) }),
      reader("SVHN, gzip and padded", .svhn, "train_32x32.mat", files.map { gzip($0) + [0, 0, 0] }),
      reader("SVHN, padded", .svhn, "train_32x32.mat", files.map { $0 + [UInt8](repeating: 0, count: 40) }),
    ]
  }

  private static let x = Made.npy((0..<4).map { i in (0..<6).map { Double(i * $0) } })
  private static let labelForms = [
    Made.npy(texts: ["cat", "a", "dog∞", "a"]), Made.npy("|S2", "(4,)", Array("a\u{0}bbcca\u{0}".utf8)),
    Made.npy("|u1", "(4, 3)", [0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1]),
    Made.npy("<i8", "(1, 4)", bytes([-1, 1, 70_000, 1])),
  ]

  private static var arrays: [FuzzReader] {
    let half = Made.npy("<f2", "(4, 6)", bytes((0..<24).map { UInt16($0 * 911) & 0x7bff }))
    return [
      reader("NPY float16", .npy, "train_x.npy", [half], others: ["train_y.npy": labelForms[0]]),
      reader("NPY label forms", .npy, "train_y.npy", labelForms, others: ["train_x.npy": x]),
      reader(
        "NPY inside gzip", .npy, "train_x.npy", [x, half], others: ["train_y.npy": labelForms[0]], pack: { gzip($0) }),
    ]
  }

  private static var archives: [FuzzReader] {
    let whole = [
      ("x_train.npy", x), ("y_train.npy", labelForms[0]), ("x_test.npy", x), ("y_test.npy", labelForms[0]),
    ]
    let short = [("x.npy", x), ("y.npy", labelForms[2])]
    return [
      reader("NPZ, stored", .npy, "a.npz", [Made.zip(whole), Made.zip(short, isLarge: true)]),
      reader(
        "NPZ, deflated", .npy, "a.npz", [Made.zip(whole, deflate: true), Made.zip(short, deflate: true, isLarge: true)]),
      reader(
        "NPY inside NPZ", .npy, "a.npz", [x],
        pack: { Made.zip([("x.npy", $0), ("y.npy", labelForms[3])], deflate: true) }),
      reader(
        "KMNIST archives", .npy, "k-train-imgs.npz", [Made.zip([("arr_0.npy", x)], deflate: true)],
        others: ["k-train-labels.npz": Made.zip([("arr_0.npy", labelForms[3])])]),
      tensors(["F32", "F64"]), tensors(["F16", "BF16"]),
    ]
  }

  private static func tensors(_ types: [String]) -> FuzzReader {
    let seeds = types.map { type in
      let size = ["F16": 2, "BF16": 2, "F32": 4][type] ?? 8
      return Made.safetensors([
        ("x", type, [4, 3], (0..<12 * size).map { UInt8($0 * 5 % 120) }), ("y", "I64", [4], bytes([1, -1, 1, 7])),
      ])
    }
    let oneHot = Made.safetensors([
      ("x", types[0], [0, 3], []), ("x_train", "I16", [2, 2], bytes([1, 2, 3, 4] as [Int16])),
      ("y_train", "BOOL", [2, 2], [0, 1, 1, 0]),
    ])
    return reader("safetensors \(types[0])", .npy, "a.safetensors", seeds + [oneHot])
  }

  private static var lines: [FuzzReader] {
    let text = ["1 0:5 2:7\n-1 qid:3 1:1\n", "1 3:1 1:2\n0 2:3\n"].map { Array($0.utf8) }
    return [
      reader("LIBSVM forms", .libsvm, "a.libsvm", text + [[0xef, 0xbb, 0xbf] + text[0]]),
      reader("LIBSVM pair", .libsvm, "a9a.t", text, others: ["a9a": text[1]]),
      reader("LIBSVM inside gzip, padded", .libsvm, "train", text, pack: { gzip($0) + [0, 0] }),
    ]
  }

  private static var tables: [FuzzReader] {
    let text = [
      "a,b,c,y\n1,2.5e0,u,0\n-3,.5,\"v, w\",1\r\n4,1e300,\"x\"\"y\",2\n,7,u,1\n\n",
      "\u{feff}\"b\",y,c,a\r\n1,0,u,5\n2,1,NA,6\n3,1,\"two\nlines\",7\n",
    ].map { Array($0.utf8) }
    let whole = Array("a,b,c,y\n1,2,u,0\n3,5,v,1\n4,7,w,0\n".utf8)
    let rules = TableRules(missing: .mean)
    func table(
      _ name: String, _ file: String, _ seeds: [[UInt8]], others: [String: [UInt8]] = [:], _ rules: TableRules = rules,
      pack: @escaping @Sendable ([UInt8]) -> [UInt8] = { $0 }
    ) -> FuzzReader {
      FuzzReader(name, file, seeds, pack: pack, others: others) {
        try readFaithfully(.csv, $0, DatasetVariant(table: rules))
      }
    }
    return [
      table("CSV", "train.csv", text + [whole]),
      table("CSV, none missing", "train.csv", [whole], TableRules(target: "b")),
      table("CSV, rows dropped", "train.csv", text, TableRules(missing: .drop)),
      table("CSV test part", "test.csv", text, others: ["train.csv": whole]),
      table("CSV, gzip", "train.csv", text.map(gzip)), table("CSV inside gzip", "train.csv", text, pack: { gzip($0) }),
      coding(rules),
    ]
  }

  /// A run.json of somebody else's, and a table to be read by it.
  private static func coding(_ rules: TableRules) -> FuzzReader {
    let coding = TableCoding(
      target: "y",
      columns: [
        TableCoding.Column(name: "a", means: [0.5]),
        TableCoding.Column(name: "c", categories: ["u", "v, w"], means: [0.25, 0.75]),
      ])
    let rows = Array("c,a\nu,1\n,\nz,3\n".utf8)
    return FuzzReader(
      "table's coding", "run.json", [Array(JSON.object(coding.members).line.utf8)], others: ["rows.csv": rows]
    ) { folder in
      let bytes = try InputFile.contents("\(folder)/run.json", limit: 1 << 20)
      let json = try RunFolder.parse(bytes, "run.json")
      guard let coding = try TableCoding(json: json, source: "run.json") else { return }
      let model = Dataset.Trained(
        featureCount: coding.featureCount, trainSamples: 1, variant: DatasetVariant(table: rules), coding: coding)
      let reader = try Dataset.openTable("\(folder)/rows.csv", model: model)
      try reader.readRows(Array(0..<reader.sampleCount)) { position, values in
        guard values.count == coding.featureCount, values.allSatisfy(\.isFinite) else {
          throw FuzzFinding("row \(position) has another length, or is not finite")
        }
      }
    }
  }
}
