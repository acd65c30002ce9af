// expm1 for loops that vectorise: no branch, no table, no call.
//
// x = k ln 2 + r, |r| <= ln(2)/2, so expm1(x) = 2^k expm1(r) + (2^k - 1); for k = 0 the result keeps the relative
// accuracy of the series. Rounding to the nearest k by adding and taking away 1.5 * 2^(mantissa bits).
// ln 2 is split in two, as fdlibm does; products and sums fuse where the processor can. Arguments below the cut give -1 (the kernel is 0 there).
//
// exp x = 2^k expm1(r) + 2^k keeps its own relative accuracy, which expm1(x) + 1 loses where it is small; 0 below the cut.

// expm1(r); sets *power to 2^k.
static inline __attribute__((always_inline)) float reduced_expm1_f32(float x, float *power) {
  x = x < -80.0f ? -80.0f : x > 80.0f ? 80.0f : x;
  const float shift = 12582912.0f;
  float k = (x * 1.44269504088896341f + shift) - shift;
  float r = k * -6.9314575195e-01f + x;
  r = k * -1.4286067653e-06f + r;
  float p = 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r * r + r;
  union { int32_t i; float f; } bits = {((int32_t)k + 127) << 23};
  *power = bits.f;
  return p;
}

static inline __attribute__((always_inline)) float expm1_f32(float x) {
  float power, p = reduced_expm1_f32(x, &power);
  return power * p + (power - 1.0f);
}

static inline __attribute__((always_inline)) float exp_f32(float x) {
  float power, p = reduced_expm1_f32(x, &power);
  return x < -80.0f ? 0.0f : power * p + power;
}

// expm1(r); sets *power to 2^k.
static inline __attribute__((always_inline)) double reduced_expm1_f64(double x, double *power) {
  x = x < -700.0 ? -700.0 : x > 700.0 ? 700.0 : x;
  const double shift = 6755399441055744.0;
  double k = (x * 1.44269504088896340736 + shift) - shift;
  double r = k * -6.93147180369123816490e-01 + x;
  r = k * -1.90821492927058770002e-10 + r;
  double p = 1.0 / 6227020800;
  p = p * r + 1.0 / 479001600;
  p = p * r + 1.0 / 39916800;
  p = p * r + 1.0 / 3628800;
  p = p * r + 1.0 / 362880;
  p = p * r + 1.0 / 40320;
  p = p * r + 1.0 / 5040;
  p = p * r + 1.0 / 720;
  p = p * r + 1.0 / 120;
  p = p * r + 1.0 / 24;
  p = p * r + 1.0 / 6;
  p = p * r + 0.5;
  p = p * r * r + r;
  union { int64_t i; double f; } bits = {((int64_t)k + 1023) << 52};
  *power = bits.f;
  return p;
}

static inline __attribute__((always_inline)) double expm1_f64(double x) {
  double power, p = reduced_expm1_f64(x, &power);
  return power * p + (power - 1.0);
}

static inline __attribute__((always_inline)) double exp_f64(double x) {
  double power, p = reduced_expm1_f64(x, &power);
  return x < -700.0 ? 0.0 : power * p + power;
}
