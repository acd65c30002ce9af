import DeepRFM
import KernelMachine
import LinearAlgebra
import MPI
import Measures
import Runtime

/// *Collective, one rank.* Checks the program's numbers on a small problem in double precision against reference implementations, and
/// prints each check with its error and bound. `ExitStatus.failed` if one fails.
///
/// Throws `InputError` where the samples cannot be read or --dump cannot be made.
public func debug(_ options: DebugOptions, world: Communicator) throws -> ExitStatus {
  let dump = try options.dump.map(Dump.init)
  let checks = try debugChecks(options, dumpingTo: dump, host: Host(surveying: world), world: world)
  standardOutput(table(of: checks))
  return checks.allSatisfy(\.passed) ? .done : .failed
}

/// Samples of the problem whose AGOP is made from finite differences alone.
private let fewSamples = 40

/// *Collective, one rank.* All checks, in the order of a layer's steps.
public func debugChecks(
  _ options: DebugOptions, dumpingTo dump: Dump? = nil, host: Host, world: Communicator
) throws -> [Check] {
  var checks = checkRandom()
  for kind in Kernel.Kind.allCases {
    let problem = try DebugProblem(options, samples: options.samples, kernel: kind, host: host, world: world)
    let few = try DebugProblem(
      options, samples: min(fewSamples, options.samples), kernel: kind, host: host, world: world)
    if kind == .laplace { checks += try run("data") { try problem.checkData() } }
    checks += try run("kernel, \(kind)") { try problem.checkKernel() }
    checks += try run("kernel alignment, \(kind)") { try problem.checkAlignment() }
    checks += try run("solve, \(kind)") { try problem.checkSolve() }
    checks += try run("CG, iterations, \(kind)") { try problem.checkIterations() }
    checks += try run("checkpoint round trip, \(kind)") { try problem.checkCheckpoint() }
    checks += try run("predictor, \(kind)") { try problem.checkPredictor() }
    checks += try run("gradients, \(kind)") { try problem.checkGradients() }
    checks += try run("AGOP, \(kind)") { try problem.checkAGOP() }
    checks += try run("AGOP, finite differences, \(kind)") { try few.checkAGOPByDifferences() }
    checks += try run("plain RFM, \(kind)") {
      try problem.checkPlainRFM(
        symmetricRoot(problem.agop.compute(problem.a).matrix, pool: problem.training.context.pool))
    }
    checks += try run("memory, \(kind)") { try problem.checkMemory() }
    // What follows does not know the kernel.
    if kind == .laplace { checks += try run("layer's end") { try checkLayerEnd(problem, dump) } }
  }
  let context = Context(world: world, host: host)
  for check in NetworkCheck.all { checks += try run(check.name) { try check.check(context) } }
  return checks
}

/// *Collective, one rank.* From the AGOP to the next layer's input and the files.
private func checkLayerEnd(_ problem: DebugProblem, _ dump: Dump?) throws -> [Check] {
  let solution = try problem.fit(.cholesky)
  let agop = try problem.agop(solution)
  var checks = try run("root") { try problem.checkRoot(of: agop) }
  let root = try symmetricRoot(agop, pool: problem.training.context.pool)
  for kind in FeatureKind.allCases {
    let map = problem.map(kind, root)
    checks += try run("features: \(kind)") { try problem.checkFeatures(map) }
    if kind == .relu { checks += try run("collapse") { try problem.checkCollapse(map) } }
    checks += try run("layer file round trip: \(kind)") { try problem.checkLayerFile(agop, map) }
    if kind == .relu { try dump?.write(problem, agop, map) }
  }
  return checks
}

/// What `body` finds. A numerical failure inside is a failed check and no end of the others; `InputError` and the system's
/// errors are thrown on.
private func run(_ name: String, _ body: () throws -> [Check]) throws -> [Check] {
  do {
    return try body()
  } catch let error where error is FactorizationError || error is SolveError {
    return [Check(name, error: .infinity, bound: 0, note: "\(error)")]
  }
}
