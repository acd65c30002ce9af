import LinearAlgebra
import MPI

/// A real number that is both computed with and sent.
public typealias Real = MPIElement & Scalar
