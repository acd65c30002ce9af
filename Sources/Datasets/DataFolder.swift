import Files
import Glibc

/// The folder of a data set's official files.
struct DataFolder {
  let path: String
  /// The folder itself, and those below it into which archives and other programs unpack this data set, as far as they exist.
  let places: [String]
  /// Whether `path` is a file: an .npz archive or a CSV file will do for a folder.
  let isFile: Bool

  /// Throws `InputError` where none is given, or it is not a readable folder.
  init(_ path: String?, for dataset: DatasetName) throws {
    guard let path, !path.isEmpty else {
      throw InputError("--dataset \(dataset.rawValue) needs --data DIR, the folder with its files")
    }
    var status = stat()
    guard stat(path, &status) == 0 else {
      throw InputError("--data \(path) cannot be opened: \(FileError.reason(errno))")
    }
    let mayBeFile = dataset == .csv || (dataset == .npy && NPYFolder.endings.contains { path.hasSuffix($0) })
    isFile = mayBeFile && status.st_mode & S_IFMT == S_IFREG
    guard isFile || status.st_mode & S_IFMT == S_IFDIR else {
      throw InputError("--data \(path) is not a folder")
    }
    self.path = path
    places = [path] + Self.subfolders(dataset).map { "\(path)/\($0)" }.filter(Self.isFolder)
  }

  /// torchvision's, and those of the official archives.
  private static func subfolders(_ dataset: DatasetName) -> [String] {
    let relatives = ["FashionMNIST", "KMNIST", "QMNIST", "EMNIST"]
    return switch dataset {
    case .mnist: ["raw", "MNIST/raw"]
    case .idx: ["raw", "gzip"] + (["MNIST"] + relatives).map { "\($0)/raw" }
    case .cifar10: ["cifar-10-batches-bin"]
    case .cifar100: ["cifar-100-binary"]
    case .digits, .svhn, .npy, .libsvm, .csv, .synthetic: []
    }
  }

  private static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// Names in one of the places, sorted. Throws `InputError`.
  func names(in place: String) throws -> [String] {
    do throws(FileError) {
      return try Folder.names(in: place).filter { !$0.hasPrefix(".") }.sorted()
    } catch {
      throw InputError(error.description)
    }
  }

  /// The first of the names that exists here, as a path; each name is tried with .gz behind it too, and with the endings of
  /// packings that are not unpacked here, whose files say so when they are opened.
  func find(_ names: [String]) -> String? {
    for place in places {
      for name in names {
        for ending in [""] + OtherPacking.endings where InputFile.exists("\(place)/\(name)\(ending)") {
          return "\(place)/\(name)\(ending)"
        }
      }
    }
    return nil
  }

  /// `find`, or an `InputError` that names the folder and the file.
  func require(_ names: [String]) throws -> String {
    guard let found = find(names) else { throw missing("file \(names[0]), plain or with .gz") }
    return found
  }

  /// The sentence for what is not there, with what may hold it.
  func missing(_ what: String) -> InputError {
    let archives = [".tar.gz", ".tgz", ".tar", ".zip"]
    let packed = (try? names(in: path))?.first { name in archives.contains { name.hasSuffix($0) } }
    let hint = packed.map { ", and \($0) must be unpacked first (\($0.hasSuffix(".zip") ? "unzip" : "tar xf") \($0))" }
    return InputError("\(path) has no \(what)\(hint ?? "")")
  }
}
