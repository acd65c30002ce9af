import Files
import MPI
import Network
import Runtime

/// *Collective.* Measures one part of the program beside the machine's own limits, taken in the same run, and prints the
/// figures with their ratios from rank 0: a table, or with --json one JSON object.
///
/// Throws `InputError` where the samples cannot be read.
public func bench(_ options: BenchOptions, host: Host, world: Communicator) throws {
  let report = try benchReport(options, host: host, world: world, sizes: ProbeSizes())
  if world.rank == 0 { standardOutput(options.json ? report.json.line + "\n" : report.table) }
}

/// *Collective.* The figures, the same on every rank.
public func benchReport(
  _ options: BenchOptions, host: Host, world: Communicator, sizes: ProbeSizes
) throws -> BenchReport {
  switch options.precision {
  case .float32: try benchReport(options, host, world, sizes, in: Float.self)
  case .float64: try benchReport(options, host, world, sizes, in: Double.self)
  }
}

private func benchReport<T: NetworkReal>(
  _ options: BenchOptions, _ host: Host, _ world: Communicator, _ sizes: ProbeSizes, in type: T.Type
) throws -> BenchReport {
  let context = Context(world: world, host: host)
  let limits = MachineLimits(world, context.pool, repetitions: options.repetitions, sizes)
  return switch options.kind {
  case .machine: try benchMachine(options, host, limits, in: T.self)
  case .kernel: try benchKernel(BenchProblem<T>(options, context), limits)
  case .solve: try benchSolve(BenchProblem<T>(options, context), limits)
  case .agop: try benchAGOP(BenchProblem<T>(options, context), limits)
  case .network: try benchNetwork(options, host, limits, in: T.self)
  }
}
