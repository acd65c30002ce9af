// expm1 for loops that vectorise: no branch, no table, no call.
//
// x = k ln 2 + r, |r| <= ln(2)/2, so expm1(x) = 2^k expm1(r) + (2^k - 1); for k = 0 the result keeps the relative
// accuracy of the series. Rounding to the nearest k by adding and taking away 1.5 * 2^(mantissa bits).
// ln 2 is split in two, as fdlibm does; products and sums fuse where the processor can. Arguments below the cut give -1 (the kernel is 0 there).

static inline __attribute__((always_inline)) float expm1_f32(float x) {
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
  union { int32_t i; float f; } power = {((int32_t)k + 127) << 23};
  return power.f * p + (power.f - 1.0f);
}

static inline __attribute__((always_inline)) double expm1_f64(double x) {
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
  union { int64_t i; double f; } power = {((int64_t)k + 1023) << 52};
  return power.f * p + (power.f - 1.0);
}
