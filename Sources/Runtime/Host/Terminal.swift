import Files
import Glibc

/// Writes to standard output at once. A reader that has gone is no reason to stop a long run: errors are passed over.
public func standardOutput(_ text: String) { write(text, to: STDOUT_FILENO) }

/// Writes to standard error at once.
public func standardError(_ text: String) { write(text, to: STDERR_FILENO) }

private func write(_ text: String, to descriptor: Int32) {
  var text = text
  text.withUTF8 { bytes in
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = Glibc.write(
        descriptor, UnsafeBufferPointer(rebasing: rest).baseAddress, rest.count)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }
}

/// Whether somebody watches standard output.
enum Terminal {
  /// mpirun gives every rank a terminal of its own making, whatever its own output goes to: then its own counts.
  static var isInteractive: Bool {
    let dumb = getenv("TERM").map { String(cString: $0) == "dumb" } ?? true
    guard isatty(STDOUT_FILENO) == 1, !dumb else { return false }
    guard let launcher else { return true }
    // On another node the launcher is a daemon, whose output is nobody's.
    let output = linkTarget("/proc/\(launcher)/fd/1") ?? ""
    return output.hasPrefix("/dev/pts/") || output.hasPrefix("/dev/tty")
  }

  /// Characters of its line; nil where that is not known.
  ///
  /// The corresponding C function is `ioctl` with TIOCGWINSZ.
  static var columns: Int? {
    // The terminals of mpirun's making have no size of their own: the user's has.
    let user = launcher.map { open("/proc/\($0)/fd/1", O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC) } ?? STDOUT_FILENO
    defer { if user > STDERR_FILENO { _ = Glibc.close(user) } }
    var size = winsize()
    guard ioctl(user, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
    return Int(size.ws_col)
  }

  /// The nearest process above this one that starts ranks, if there is one (proc(5)).
  ///
  /// Not told by the environment: MPI sets the same variables when it starts without a launcher.
  private static let launcher: pid_t? = {
    let names = ["mpirun", "mpiexec", "orterun", "prterun", "prun", "orted", "prted"]
    var process = getppid()
    for _ in 0..<8 where process > 1 {
      guard let name = try? InputFile.contents("/proc/\(process)/comm", limit: 4096) else { return nil }
      if names.contains(String(decoding: name.dropLast(), as: UTF8.self)) { return process }
      process = parent(of: process)
    }
    return nil
  }()

  private static func parent(of process: pid_t) -> pid_t {
    guard let status = try? InputFile.contents("/proc/\(process)/status", limit: 1 << 20) else {
      return 0
    }
    let line = status.split(separator: UInt8(ascii: "\n")).first { $0.starts(with: "PPid:".utf8) }
    return line.flatMap {
      pid_t(String(decoding: $0.filter { (0x30...0x39).contains($0) }, as: UTF8.self))
    } ?? 0
  }

  private static func linkTarget(_ path: String) -> String? {
    var buffer = [CChar](repeating: 0, count: 4096)
    let length = readlink(path, &buffer, buffer.count)
    guard length > 0 else { return nil }
    return String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
