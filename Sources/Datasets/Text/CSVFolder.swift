import Files

/// The names of CSV files: train.csv and test.csv, packed or not; or the only .csv file of the folder; or a file that is given itself.
struct CSVFolder {
  let train: String?
  let test: String?

  /// Throws `InputError` where several files may be meant.
  init(_ folder: DataFolder) throws {
    if folder.isFile {
      (train, test) = (folder.path, nil)
      return
    }
    let other = folder.find(["test.csv"])
    test = other
    if let named = folder.find(["train.csv"]) {
      train = named
      return
    }
    let tables = try folder.names(in: folder.path).filter { name in
      ([""] + OtherPacking.endings).contains { name.hasSuffix(".csv\($0)") } && other != "\(folder.path)/\(name)"
    }
    guard tables.count <= 1 else {
      throw InputError(
        "\(folder.path) holds several CSV files (\(tables.prefix(10).joined(separator: ", "))): name the one to train on train.csv"
      )
    }
    train = tables.first.map { "\(folder.path)/\($0)" }
  }
}
