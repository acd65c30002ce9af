import Files
import Foundation
import Testing

/// Hostile files: every reader, thousands of mutants of valid files. Each is read, or refused with an `InputError`; none crashes,
/// none hangs, none takes memory out of proportion.
///
/// `DEEPRFM_FUZZ=100000` sets the mutants for each reader (default 2,000). A crash says which mutant it was; alone it is played
/// again by `DEEPRFM_FUZZ_ONLY='READER:NUMBER'`; 'READER' plays all of one reader's.
@Suite(.serialized) struct FuzzTests {
  private static let environment = ProcessInfo.processInfo.environment

  @Test(arguments: FuzzReader.all)
  func hostileFiles(reader: FuzzReader) throws {
    let range = Self.iterations(of: reader)
    if range.isEmpty { return }
    let folder = try TemporaryFolder()
    for (name, contents) in reader.others { try folder.write(name, contents) }
    try folder.write(reader.file, reader.pack(reader.seeds[0]))
    // The seed itself is read: else the mutants would test little.
    try reader.read(folder.path)
    let path = "\(folder.path)/\(reader.file)"
    var refused = 0
    var slowest = (seconds: 0.0, iteration: 0)
    let before = FuzzMemory.beginPeak()
    let begin = ContinuousClock.now
    for iteration in range {
      FuzzWitness.note(reader.name, iteration)
      var mutator = FuzzMutator(seed: UInt64(iteration) &* 0x2545_F491_4F6C_DD1D)
      try overwrite(path, reader.pack(mutator.mutant(of: reader.seeds)))
      let start = ContinuousClock.now
      do {
        try reader.read(folder.path)
      } catch let error as InputError {
        refused += 1
        // It goes to a terminal.
        let isSentence = error.sentence.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f } && error.sentence.count < 1100
        #expect(isSentence, "\(reader.name):\(iteration)")
      } catch {
        Issue.record("\(reader.name):\(iteration): \(error)")
      }
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      if seconds > slowest.seconds { slowest = (seconds, iteration) }
    }
    FuzzWitness.done()
    let memory = FuzzMemory.peak() - before
    #expect(slowest.seconds < FuzzMemory.patience, "\(reader.name):\(slowest.iteration) took \(slowest.seconds) s")
    #expect(memory < FuzzMemory.limit, "\(reader.name): \(memory >> 20) MiB more at its peak")
    if range.count > 1 {
      #expect(
        refused > range.count / 10 || !reader.refuses, "\(reader.name): only \(refused) of \(range.count) were refused")
      let seconds = (ContinuousClock.now - begin) / .seconds(1)
      print(
        "fuzz: \(reader.name): \(range.count) mutants, \(refused) refused, \((seconds * 10).rounded() / 10) s, "
          + "\(memory >> 20) MiB, slowest \((slowest.seconds * 1000).rounded()) ms (\(slowest.iteration))")
    }
  }

  private static func iterations(of reader: FuzzReader) -> Range<Int> {
    let count = environment["DEEPRFM_FUZZ"].flatMap { Int($0) } ?? 2000
    if let only = environment["DEEPRFM_FUZZ_ONLY"], only != reader.name {
      // The reader's name may have a colon.
      guard let colon = only.lastIndex(of: ":"), only[..<colon] == reader.name,
        let iteration = Int(only[only.index(after: colon)...])
      else { return 0..<0 }
      return iteration..<iteration + 1
    }
    return 0..<count
  }

  /// Without Foundation, which takes longer than the reader.
  private func overwrite(_ path: String, _ bytes: [UInt8]) throws {
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    guard file >= 0, Glibc.write(file, bytes, bytes.count) == bytes.count else {
      throw FuzzFinding("cannot write \(path)")
    }
    close(file)
  }
}

/// The most memory that was resident, by the kernel's own count.
enum FuzzMemory {
  /// Seconds for one file: who takes longer hangs, or does a square's work. Not a speed: the slowest sound file takes 5 on a busy machine.
  static let patience = 60.0

  /// Files here have at most some ten kilobytes. A row of the most features there may be has 8 MiB, and some are held at once.
  static let limit = 100 << 20

  /// Sets the kernel's mark down to what is resident now; returns that (proc(5), clear_refs).
  static func beginPeak() -> Int {
    let file = open("/proc/self/clear_refs", O_WRONLY)
    if file >= 0 {
      _ = write(file, "5", 1)
      close(file)
    }
    return peak()
  }

  static func peak() -> Int {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? ""
    return (line.split(separator: " ").compactMap { Int($0) }.first ?? 0) << 10
  }
}

/// Tells which mutant was being read when the process is ended by a trap, a bad address or a timeout.
enum FuzzWitness {
  private static let room = 200
  // Read by a signal handler, written by the one test that runs: a suite that is serialized.
  nonisolated(unsafe) private static let text = {
    let text = UnsafeMutablePointer<CChar>.allocate(capacity: room)
    text.initialize(repeating: 0, count: room)
    for signal in [SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGTERM, SIGALRM] { Glibc.signal(signal, speak) }
    return text
  }()

  static func note(_ reader: String, _ iteration: Int) {
    let line = "fuzz: died reading DEEPRFM_FUZZ_ONLY='\(reader):\(iteration)'\n"
    _ = line.withCString { strncpy(text, $0, room - 1) }
    // A reader that does not come back: the alarm's handler tells, then ends the process.
    alarm(60)
  }

  static func done() {
    alarm(0)
    text[0] = 0
  }

  private static let speak: @convention(c) (Int32) -> Void = { signal in
    _ = write(STDERR_FILENO, text, strlen(text))
    Glibc.signal(signal, SIG_DFL)
    raise(signal)
  }
}
