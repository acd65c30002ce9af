import CKernels
import Glibc

/// The processor, as this process sees it.
public enum Processor {
  /// What OpenBLAS's kernels differ in.
  public struct Features: OptionSet, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// AVX2 and FMA.
    public static let avx2 = Features(rawValue: 1)
    /// AVX-512 F, DQ, BW, VL and CD.
    public static let avx512 = Features(rawValue: 2)
  }

  /// *Local.* What this processor has and the system lets programs use.
  public static var features: Features { Features(rawValue: deeprfm_processor_features()) }

  /// *Local.* The cores this process may run on, ascending. Two hardware threads of one core count as one: it has one set of
  /// arithmetic units.
  ///
  /// The corresponding C function is `sched_getaffinity`.
  public static func boundCores() -> [Int] {
    Set(boundProcessors().map(core(ofProcessor:))).sorted()
  }

  /// *Local.* Cores of this host, whether this process may run on them or not.
  ///
  /// The corresponding C function is `sysconf`.
  public static func hostCores() -> Int {
    Set((0..<max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))).map(core(ofProcessor:))).count
  }

  /// The system's processor numbers. The mask has room for 32,768: a kernel refuses one that is too short for it.
  private static func boundProcessors() -> [Int] {
    var mask = [UInt64](repeating: 0, count: 512)
    guard deeprfm_bound_processors(&mask, mask.count) == 0 else {
      return Array(0..<max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))))
    }
    return (0..<mask.count * 64).filter { mask[$0 / 64] >> UInt64($0 % 64) & 1 == 1 }
  }

  /// *Local.* The processors this thread may run on, a bit each; empty where the system does not say.
  ///
  /// The corresponding C function is `sched_getaffinity`.
  public static func bindingMask() -> [UInt64] {
    var mask = [UInt64](repeating: 0, count: 512)
    return deeprfm_bound_processors(&mask, mask.count) == 0 ? mask : []
  }

  /// *Local.* Runs `body` with this thread, and those that it makes meanwhile, free to use other processors; where the system refuses, on
  /// its own.
  ///
  /// The corresponding C function is `sched_setaffinity`.
  public static func with<R>(bindingMask mask: [UInt64], _ body: () throws -> R) rethrows -> R {
    let own = bindingMask()
    guard !mask.isEmpty, !own.isEmpty, own != mask, deeprfm_bind_thread(mask, mask.count) == 0 else {
      return try body()
    }
    defer { _ = deeprfm_bind_thread(own, own.count) }
    return try body()
  }

  /// The lowest-numbered processor of the same core; the processor itself where the system does not say.
  private static func core(ofProcessor processor: Int) -> Int {
    guard let file = fopen("/sys/devices/system/cpu/cpu\(processor)/topology/thread_siblings_list", "r") else {
      return processor
    }
    defer { fclose(file) }
    // A list such as "0,64" or "0-1".
    var text = [UInt8](repeating: 0, count: 256)
    let count = fread(&text, 1, text.count, file)
    let digits = text[..<count].prefix { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
    return Int(String(decoding: digits, as: UTF8.self)) ?? processor
  }

  /// How many threads a rank runs: its cores, each divided by the ranks that share it; at least one.
  ///
  /// - Parameter boundCores: the cores of every rank on the node, this one included.
  public static func threads(forRank rank: Int, boundCores: [[Int]]) -> Int {
    var sharers: [Int: Int] = [:]
    for core in boundCores.joined() { sharers[core, default: 0] += 1 }
    let share = boundCores[rank].reduce(0.0) { $0 + 1 / Double(sharers[$1] ?? 1) }
    // 3 shares of a third are one core, rounding or not.
    return max(1, Int(share + 1e-6))
  }
}
