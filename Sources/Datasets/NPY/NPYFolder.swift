import Files

/// NumPy's arrays of a data set: train_x.npy, train_y.npy [test_x.npy, test_y.npy]; or archives of numpy.savez, one a split
/// (train.npz, test.npz) with x and y, or one with x_train, y_train, x_test, y_test.
struct NPYFolder {
  /// Opens one split; nil where there is none of it. Throws `InputError`.
  static func open(_ split: Split, in folder: DataFolder) throws -> NPYSamples? {
    if folder.isFile { return try archive(folder.path, split, isWhole: true) }
    let names = ["\(split.rawValue)_x.npy", "\(split.rawValue)_y.npy"]
    if names.contains(where: { folder.find([$0]) != nil }) {
      return try NPYSamples(
        x: NPYSource(folder.require([names[0]])), y: NPYSource(folder.require([names[1]])), mayBeEmpty: split == .test)
    }
    // A folder of plain arrays has no archive for its test part.
    if folder.find(["train_x.npy", "test_x.npy"]) != nil { return nil }
    let own = "\(folder.path)/\(split.rawValue).npz"
    if InputFile.exists(own) { return try archive(own, split, isWhole: false) }
    let archives = try folder.names(in: folder.path).filter {
      $0.hasSuffix(".npz") && $0 != "train.npz" && $0 != "test.npz"
    }
    if archives.contains(where: { $0.hasSuffix(pairEndings.images) }) { return try pair(split, archives, folder) }
    if archives.isEmpty { return nil }
    guard archives.count == 1 else {
      throw InputError(
        "\(folder.path) holds \(archives.count) archives (\(archives.joined(separator: ", "))): give --data the path of one"
      )
    }
    return try archive("\(folder.path)/\(archives[0])", split, isWhole: true)
  }

  private static let pairEndings = (images: "-imgs.npz", labels: "-labels.npz")

  /// Images and labels in archives of one array each, as KMNIST has them: kmnist-train-imgs.npz and kmnist-train-labels.npz.
  private static func pair(_ split: Split, _ archives: [String], _ folder: DataFolder) throws -> NPYSamples? {
    let images = archives.filter { $0.hasSuffix("-\(split.rawValue)\(pairEndings.images)") }
    guard let name = images.first else { return nil }
    guard images.count == 1 else {
      throw InputError("\(folder.path) holds several sets (\(images.joined(separator: ", "))): give the folder of one")
    }
    let labels = name.dropLast(pairEndings.images.count) + pairEndings.labels
    guard archives.contains(String(labels)) else {
      throw InputError("\(folder.path)/\(name) has no \(labels) beside it")
    }
    return try NPYSamples(
      x: onlyArray("\(folder.path)/\(name)"), y: onlyArray("\(folder.path)/\(labels)"), mayBeEmpty: split == .test)
  }

  private static func onlyArray(_ path: String) throws -> NPYSource {
    let archive = try ZIPArchive(path)
    guard archive.entries.count == 1, archive.entries[0].name.hasSuffix(".npy") else {
      throw InputError("\(path) holds \(archive.entries.map(\.name).joined(separator: ", ")): one array is needed")
    }
    return NPYSource(archive.entries[0], of: archive)
  }

  /// An archive's arrays by their names; `isWhole`: it holds both splits.
  private static func archive(_ path: String, _ split: Split, isWhole: Bool) throws -> NPYSamples? {
    let archive = try ZIPArchive(path)
    var arrays: [String: ZIPArchive.Entry] = [:]
    for entry in archive.entries where entry.name.hasSuffix(".npy") {
      arrays[plain(entry.name)] = arrays[plain(entry.name)] ?? entry
    }
    func find(_ names: [String]) -> NPYSource? {
      names.lazy.compactMap { arrays[$0] }.first.map { NPYSource($0, of: archive) }
    }
    // An archive of both with short names holds the training part alone.
    let short = !isWhole || split == .train
    let x = find(
      long(split, ["x", "images", "data", "features"]) + (short ? ["x", "data", "images", "features", "arr0"] : []))
    let y = find(
      long(split, ["y", "labels", "targets"]) + (short ? ["y", "labels", "label", "targets", "target", "arr1"] : []))
    if split == .test, isWhole, x == nil, y == nil { return nil }
    guard let x, let y else {
      let names = archive.entries.map(\.name).joined(separator: ", ")
      let needed = isWhole ? "x_train, y_train, x_test and y_test (or x and y)" : "x and y"
      throw InputError("\(path) holds the arrays \(names): arrays named \(needed) are needed")
    }
    return try NPYSamples(x: x, y: y, mayBeEmpty: split == .test)
  }

  /// x_train, X_train, train_x, train_images, ...
  private static func long(_ split: Split, _ words: [String]) -> [String] {
    words.flatMap { [$0 + split.rawValue, split.rawValue + $0] }
  }

  private static func plain(_ name: String) -> String {
    name.dropLast(4).lowercased().filter { $0.isLetter || $0.isNumber }
  }
}
