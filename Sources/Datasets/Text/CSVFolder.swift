import Files

/// The names of CSV files: train.csv and test.csv, packed or not; or the only .csv file of the folder; or a file that is given itself.
struct CSVFolder {
  private let folder: DataFolder
  let test: String?

  init(_ folder: DataFolder) {
    self.folder = folder
    test = folder.isFile ? nil : folder.find(["test.csv"])
  }

  /// Throws `InputError` where several files may be meant.
  func train() throws -> String? {
    if folder.isFile { return folder.path }
    if let named = folder.find(["train.csv"]) { return named }
    let tables = try folder.names(in: folder.path).filter { name in
      ([""] + OtherPacking.endings).contains { name.hasSuffix(".csv\($0)") } && test != "\(folder.path)/\(name)"
    }
    guard tables.count <= 1 else {
      throw InputError(
        "\(folder.path) holds several CSV files (\(tables.prefix(10).joined(separator: ", "))): name the one to train on train.csv"
      )
    }
    return tables.first.map { "\(folder.path)/\($0)" }
  }
}
