import Runtime

/// What any plan can be told of the machine that it is for.
public protocol PlannedMachineOptions: Sendable {
  /// nil: as many as plan itself runs on.
  var ranks: Int? { get set }
  var nodes: Int? { get set }
  /// Microseconds of a short message one way between nodes; nil: measured, or `Interconnect.ethernet`.
  var latency: Double? { get set }
  /// GB/s between nodes; nil: likewise.
  var bandwidth: Double? { get set }
}

extension PlannedMachineOptions {
  static var machineOptions: [CommandOption<Self>] {
    [
      CommandOption("ranks", \.ranks, .integer("P", in: 1...1_000_000), "of the run (default: those of plan itself)"),
      CommandOption(
        "nodes", \.nodes, .integer("M", in: 1...1_000_000), "the hosts they are on (default: those of plan itself)"),
      CommandOption(
        "network-latency", \.latency, .positive("US"),
        "microseconds between nodes (default: measured between hosts, or 30)"),
      CommandOption(
        "network-bandwidth", \.bandwidth, .positive("GBS"),
        "GB/s between nodes (default: measured between hosts, or 1.25)"),
    ]
  }
}
