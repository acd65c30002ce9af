import MPI
public func debug(_ options: DebugOptions, world: Communicator) throws -> ExitStatus { .done }
