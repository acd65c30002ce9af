import Files

/// The names of LIBSVM files: train and test, with .libsvm, .svm or .txt behind or not; or NAME and NAME.t, as LIBSVM's own page has
/// them; or a single file with one of the endings.
struct LIBSVMFolder {
  let train: String?
  let test: String?

  private static let endings = [".libsvm", ".svm", ".txt"]

  /// Throws `InputError` where several files may be meant.
  init(_ folder: DataFolder) throws {
    var stems: [(stem: String, hasEnding: Bool, path: String)] = []
    for name in try folder.names(in: folder.path) {
      var stem = name[...]
      if let packing = OtherPacking.endings.first(where: { stem.hasSuffix($0) }) { stem = stem.dropLast(packing.count) }
      let ending = Self.endings.first { stem.hasSuffix($0) }
      stem = stem.dropLast(ending?.count ?? 0)
      stems.append((String(stem), ending != nil, "\(folder.path)/\(name)"))
    }
    func path(_ stem: String) -> String? { stems.first { $0.stem == stem }?.path }
    (train, test) = try path("train").map { ($0, path("test") ?? path("train.t")) } ?? Self.pair(stems, path, folder)
  }

  private static func pair(
    _ stems: [(stem: String, hasEnding: Bool, path: String)], _ path: (String) -> String?, _ folder: DataFolder
  ) throws -> (String?, String?) {
    // For a test part alone, as predict reads it.
    if let test = path("test") { return (nil, test) }
    let isTest = { (stem: String) in [".t", "_test", "-test", ".test"].contains { stem.hasSuffix($0) } }
    let training = stems.filter { !isTest($0.stem) && ($0.hasEnding || path($0.stem + ".t") != nil) }
    let tests = stems.filter { isTest($0.stem) && ($0.hasEnding || $0.stem.hasSuffix(".t")) }
    for files in [training, tests] where Set(files.map(\.stem)).count > 1 {
      throw InputError(
        "\(folder.path) holds several LIBSVM files (\(files.map(\.stem).joined(separator: ", "))): name two of them train and test"
      )
    }
    return (training.first?.path, tests.first?.path)
  }
}
