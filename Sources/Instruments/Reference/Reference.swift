/// Reference implementations: each formula as it is written down, in plain loops over samples in double precision, without BLAS and
/// without any of the program's own steps. `debug` and the tests hold the program to them.
///
/// Letters: x (N x d) rows, a (N x K) coefficients, k(x, z) the kernel, s its bandwidth.
public enum Reference {}
