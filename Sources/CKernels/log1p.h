// log1p for loops that vectorise: no branch, no table, no call. For -1 < x.
//
// 1 + x = 2^k (1 + f), sqrt(1/2) <= 1 + f < sqrt 2, so log1p(x) = k ln 2 + log(1 + f); for k = 0 f is x itself, which keeps the
// relative accuracy. log(1 + f) = 2 atanh(z), z = f / (2 + f), |z| < 0.172, by its series.

// In double throughout. For results that will be float, the series may end at 3e-11.
static inline __attribute__((always_inline)) double log1p_reduced(double x, double *exponent, double *series) {
  union { double f; int64_t i; } u = {1.0 + x};
  // The exponent of (1 + x) sqrt 2, rounded down.
  int64_t k = (u.i - 0x3fe6a09e667f3bcd) >> 52;
  union { int64_t i; double f; } m = {u.i - (int64_t)((uint64_t)k << 52)};
  double f = k == 0 ? x : m.f - 1.0;
  double z = f / (2.0 + f);
  *exponent = (double)k;
  *series = z * z;
  return z;
}

static inline __attribute__((always_inline)) double log1p_f32(double x) {
  double k, s, z = log1p_reduced(x, &k, &s);
  double p = 2.0 / 13;
  p = p * s + 2.0 / 11;
  p = p * s + 2.0 / 9;
  p = p * s + 2.0 / 7;
  p = p * s + 2.0 / 5;
  p = p * s + 2.0 / 3;
  return k * 0.693147180559945309417232 + (p * s * z + 2.0 * z);
}

static inline __attribute__((always_inline)) double log1p_f64(double x) {
  double k, s, z = log1p_reduced(x, &k, &s);
  double p = 2.0 / 21;
  p = p * s + 2.0 / 19;
  p = p * s + 2.0 / 17;
  p = p * s + 2.0 / 15;
  p = p * s + 2.0 / 13;
  p = p * s + 2.0 / 11;
  p = p * s + 2.0 / 9;
  p = p * s + 2.0 / 7;
  p = p * s + 2.0 / 5;
  p = p * s + 2.0 / 3;
  return k * 0.693147180559945309417232 + (p * s * z + 2.0 * z);
}
