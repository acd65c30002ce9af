import Files

/// Arrays of a data set: train_x.npy, train_y.npy [test_x.npy, test_y.npy]; or archives of numpy.savez or safetensors files, one a
/// split (train.npz, test.npz) with x and y, or one with x_train, y_train, x_test, y_test.
struct NPYFolder {
  /// Opens one split; nil where there is none of it. Throws `InputError`.
  static func open(_ split: Split, in folder: DataFolder) throws -> NPYSamples? {
    if folder.isFile { return try container(folder.path, split, isWhole: true) }
    let names = ["\(split.rawValue)_x.npy", "\(split.rawValue)_y.npy"]
    if names.contains(where: { folder.find([$0]) != nil }) {
      return try NPYSamples(
        x: NPYSource(folder.require([names[0]])), y: NPYSource(folder.require([names[1]])), mayBeEmpty: split == .test)
    }
    // A folder of plain arrays has no archive for its test part.
    if folder.find(["train_x.npy", "test_x.npy"]) != nil { return nil }
    for ending in endings where InputFile.exists("\(folder.path)/\(split.rawValue)\(ending)") {
      return try container("\(folder.path)/\(split.rawValue)\(ending)", split, isWhole: false)
    }
    let archives = try folder.names(in: folder.path).filter { name in
      endings.contains { name.hasSuffix($0) && name != "train\($0)" && name != "test\($0)" }
    }
    if archives.contains(where: { $0.hasSuffix(pairEndings.images) }) { return try pair(split, archives, folder) }
    if archives.isEmpty { return nil }
    guard archives.count == 1 else {
      throw InputError(
        "\(folder.path) holds \(archives.count) archives (\(archives.joined(separator: ", "))): give --data the path of one"
      )
    }
    return try container("\(folder.path)/\(archives[0])", split, isWhole: true)
  }

  /// Of files that hold several arrays.
  static let endings = [".npz", ".safetensors"]

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

  /// Arrays by their names, of an archive or a safetensors file; `isWhole`: it holds both splits.
  private static func container(_ path: String, _ split: Split, isWhole: Bool) throws -> NPYSamples? {
    let archive = path.hasSuffix(".npz") ? try ZIPArchive(path) : nil
    let names = try archive?.entries.map(\.name) ?? SafetensorsFile(path).tensors.map(\.name)
    var arrays: [String: Int] = [:]
    for (place, name) in names.enumerated() where archive == nil || name.hasSuffix(".npy") {
      arrays[plain(name)] = arrays[plain(name)] ?? place
    }
    // One of both with short names holds the training part alone.
    let short = !isWhole || split == .train
    func find(_ words: [String], _ alone: [String]) -> Int? {
      (long(split, words) + (short ? alone : [])).lazy.compactMap { arrays[$0] }.first
    }
    let x = find(["x", "images", "data", "features"], ["x", "data", "images", "features", "arr0"])
    let y = find(["y", "labels", "targets"], ["y", "labels", "label", "targets", "target", "arr1"])
    if split == .test, isWhole, x == nil, y == nil { return nil }
    guard let x, let y else {
      let needed = isWhole ? "x_train, y_train, x_test and y_test (or x and y)" : "x and y"
      throw InputError(
        "\(path) holds the arrays \(names.joined(separator: ", ")): arrays named \(needed) are needed")
    }
    guard let archive else {
      return try NPYSamples(
        x: InputArray(path, array: names[x]), y: InputArray(path, array: names[y]), mayBeEmpty: split == .test)
    }
    return try NPYSamples(
      x: NPYSource(archive.entries[x], of: archive), y: NPYSource(archive.entries[y], of: archive),
      mayBeEmpty: split == .test)
  }

  /// x_train, X_train, train_x, train_images, ...
  private static func long(_ split: Split, _ words: [String]) -> [String] {
    words.flatMap { [$0 + split.rawValue, split.rawValue + $0] }
  }

  private static func plain(_ name: String) -> String {
    let stem = name.hasSuffix(".npy") ? name.dropLast(4) : name[...]
    return stem.lowercased().filter { $0.isLetter || $0.isNumber }
  }
}
