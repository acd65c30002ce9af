import LinearAlgebra
import MPI

/// *Collective.* Measures one part of the program beside the machine's own limits, taken in the same run, and prints the
/// figures with their ratios from rank 0: a table, or with --json one JSON object.
///
/// Throws `InputError` where the samples cannot be read.
public func bench(_ options: BenchOptions, host: Host, world: Communicator) throws {
  let report =
    switch options.precision {
    case .float32: try benchReport(options, host: host, world: world, in: Float.self)
    case .float64: try benchReport(options, host: host, world: world, in: Double.self)
    }
  if world.rank == 0 { standardOutput(options.json ? report.json.line + "\n" : report.table) }
}

/// *Collective.* The figures, the same on every rank.
private func benchReport<T: Real & TensorElement>(
  _ options: BenchOptions, host: Host, world: Communicator, in type: T.Type
) throws -> BenchReport {
  let team = ThreadTeam(count: host.threads)
  let limits = MachineLimits(world, team, repetitions: options.repetitions)
  if options.kind == .machine { return try benchMachine(options, host, limits, in: T.self) }
  let problem = try BenchProblem<T>(options, host, world, team)
  return switch options.kind {
  case .machine: problem.report()
  case .kernel: try benchKernel(problem, limits)
  case .solve: try benchSolve(problem, limits)
  case .agop: try benchAGOP(problem, limits)
  }
}

/// The JSON object that `bench` prints, for tests.
package func benchJSON(_ options: BenchOptions, host: Host, world: Communicator) throws -> JSON {
  switch options.precision {
  case .float32: try benchReport(options, host: host, world: world, in: Float.self).json
  case .float64: try benchReport(options, host: host, world: world, in: Double.self).json
  }
}
