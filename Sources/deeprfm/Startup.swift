import Glibc
import LinearAlgebra
import Runtime

/// What has to happen before MPI starts.
enum Startup {
  /// Standard input, output and error that the caller has closed, as cron may, become /dev/null: the next file that anybody opens
  /// would take their place, and be read and written for them.
  ///
  /// The corresponding C functions are `fcntl` and `open`.
  static func openStandardStreams() {
    for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] where fcntl(descriptor, F_GETFD) < 0 {
      // The lowest number that is free: this one.
      _ = open("/dev/null", O_RDWR)
    }
  }

  /// Before MPI starts, which takes a while: a signal is to find its handler.
  static func catchSignals(of command: any Subcommand) {
    let kind = type(of: command)
    if kind.keepsCheckpoints {
      StopSwitch.catchSignals()
    } else {
      EndOnSignal.begin(kind.name, rank: Launch.rank)
    }
  }

  private static let guardVariable = "DEEPRFM_RESTARTED"

  /// Whether the user's own environment chose OpenBLAS's kernels, rather than this program's restart.
  static var kernelsAreForced: Bool {
    variable(guardVariable) == nil && variable("OPENBLAS_CORETYPE").map { !$0.isEmpty } ?? false
  }

  /// Makes sure that OpenBLAS runs the best kernels this processor has. If it does not, this process starts itself again, once,
  /// with `OPENBLAS_CORETYPE` set, and does not return. Files, arguments and environment stay as they are.
  ///
  /// The corresponding C function is `execv`.
  static func useBestKernels() {
    let coreType = BLAS.recommendedCoreType(
      current: BLAS.kernelName, features: Processor.features, userChoice: variable("OPENBLAS_CORETYPE"),
      alreadyTried: variable(guardVariable) != nil)
    guard let coreType, let program = ownProgram() else { return }
    setenv("OPENBLAS_CORETYPE", coreType, 1)
    setenv(guardVariable, "1", 1)
    execv(program, CommandLine.unsafeArgv)
    // It could not start again: slow kernels are better than none.
    unsetenv("OPENBLAS_CORETYPE")
  }

  /// A path that starts this program again. Nil if it runs inside another one (a loader called by name, an emulator,
  /// valgrind), whose arguments are not ours to know.
  private static func ownProgram() -> String? {
    let link = "/proc/self/exe"
    if variable("LD_PRELOAD")?.contains("vgpreload") == true { return nil }
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
    let length = readlink(link, &buffer, Int(PATH_MAX))
    guard length > 0 else { return nil }
    let path = String(decoding: buffer.prefix(length).map(UInt8.init(bitPattern:)), as: UTF8.self)
    guard path == fileOfThisCode() else { return nil }
    // By its path the process keeps its name; the link finds a file that has been moved or replaced meanwhile.
    return isSameFile(path, link) ? path : link
  }

  private static func isSameFile(_ first: String, _ second: String) -> Bool {
    var (one, other) = (stat(), stat())
    guard stat(first, &one) == 0 && stat(second, &other) == 0 else { return false }
    return one.st_dev == other.st_dev && one.st_ino == other.st_ino
  }

  /// The file whose mapping holds this very function, as /proc/self/maps names it.
  private static func fileOfThisCode() -> String? {
    let here: @convention(c) () -> Void = {}
    let address = UInt(bitPattern: unsafeBitCast(here, to: UnsafeRawPointer.self))
    guard let maps = fopen("/proc/self/maps", "r") else { return nil }
    defer { fclose(maps) }
    var line: UnsafeMutablePointer<CChar>?
    var room = 0
    defer { free(line) }
    while getline(&line, &room, maps) > 0, let text = line.map({ String(cString: $0) }) {
      // 55e0c0000000-55e0c0010000 r-xp 00001000 08:01 1234     /path/of the/file
      let fields = text.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
      let ends = fields.first?.split(separator: "-").compactMap { UInt($0, radix: 16) } ?? []
      guard fields.count == 6, ends.count == 2, (ends[0]..<ends[1]).contains(address) else { continue }
      return String(fields[5].drop { $0 == " " }.prefix { $0 != "\n" })
    }
    return nil
  }

  private static func variable(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }
  }
}
