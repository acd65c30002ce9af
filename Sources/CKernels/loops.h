// Included once for each type: T, NAME(x), EXPM1, EXP, LOG1P, SQRT, TINY.

// t = D^2 - distance^2 = alpha_i + beta_j - 2 g_ij, so that a small change of distance keeps its digits:
// D - distance = t / (D + distance). See LinearAlgebra/Elementwise.swift.

DISPATCHED int NAME(deeprfm_kernel_deviation)(const T *g, T *out, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t g_stride,
                                              ptrdiff_t out_stride, const T *alpha, const T *beta,
                                              const T *row_norm, const T *column_norm, deeprfm_tile_form form) {
  const T distance = (T)form.distance, square = (T)(form.distance * form.distance);
  const T rate = (T)-form.rate, constant = (T)form.constant, near = (T)form.near;
  // Where the constant is next to nothing, a nearer pair's kernel is so much larger that their ratio would overflow.
  const int negligible = form.constant < DEEPRFM_NEGLIGIBLE;
  int any = 0;
  for (ptrdiff_t i = 0; i < rows; i++) {
    const T *restrict gi = g + i * g_stride;
    T *restrict oi = out + i * out_stride;
    const T a = alpha[i], n = row_norm[i] + square;
    int close = 0;
    if (negligible) {
      for (ptrdiff_t j = 0; j < columns; j++) {
        T d2 = square + ((a + beta[j]) - 2 * gi[j]);
        d2 = d2 < 0 ? 0 : d2;
        close |= d2 <= near * (n + column_norm[j]);
        oi[j] = EXP(rate * (form.gaussian ? d2 : SQRT(d2))) - constant;
      }
    } else if (form.gaussian) {
      for (ptrdiff_t j = 0; j < columns; j++) {
        T t = (a + beta[j]) - 2 * gi[j];
        t = t < -square ? -square : t;
        close |= square + t <= near * (n + column_norm[j]);
        oi[j] = constant * EXPM1(rate * t);
      }
    } else if (distance > 0) {
      for (ptrdiff_t j = 0; j < columns; j++) {
        T t = (a + beta[j]) - 2 * gi[j];
        t = t < -square ? -square : t;
        T d2 = square + t;
        close |= d2 <= near * (n + column_norm[j]);
        oi[j] = constant * EXPM1(rate * (t / (SQRT(d2) + distance)));
      }
    } else {
      for (ptrdiff_t j = 0; j < columns; j++) {
        T t = (a + beta[j]) - 2 * gi[j];
        t = t < 0 ? 0 : t;
        close |= t <= near * (n + column_norm[j]);
        oi[j] = constant * EXPM1(rate * SQRT(t));
      }
    }
    any |= close;
  }
  return any;
}

DISPATCHED int NAME(deeprfm_gradient_weight)(const T *g, T *out, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t g_stride,
                                             ptrdiff_t out_stride, const T *alpha, const T *beta,
                                             const T *row_norm, const T *column_norm, deeprfm_tile_form form) {
  const T square = (T)(form.distance * form.distance);
  const T rate = (T)-form.rate, near = (T)form.near;
  int any = 0;
  for (ptrdiff_t i = 0; i < rows; i++) {
    const T *restrict gi = g + i * g_stride;
    T *restrict oi = out + i * out_stride;
    const T a = alpha[i], n = row_norm[i] + square;
    int close = 0;
    if (form.gaussian) {
      for (ptrdiff_t j = 0; j < columns; j++) {
        T d2 = square + ((a + beta[j]) - 2 * gi[j]);
        d2 = d2 < 0 ? 0 : d2;
        close |= d2 <= near * (n + column_norm[j]);
        oi[j] = EXP(rate * d2);
      }
    } else {
      for (ptrdiff_t j = 0; j < columns; j++) {
        T d2 = square + ((a + beta[j]) - 2 * gi[j]);
        close |= d2 <= near * (n + column_norm[j]);
        // The smallest normal number keeps the division finite; the caller mends such pairs.
        d2 = d2 < TINY ? TINY : d2;
        T d = SQRT(d2);
        oi[j] = EXP(rate * d) / d;
      }
    }
    any |= close;
  }
  return any;
}

DISPATCHED int NAME(deeprfm_weight_of_deviation)(const T *e, T *out, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t e_stride,
                                                 ptrdiff_t out_stride, double nearest, deeprfm_tile_form form) {
  // In double: roundings that a whole tile shares do not cancel in a gradient's sum.
  const double distance = form.distance, constant = form.constant, inverse = 1 / form.constant, scale = 1 / form.rate;
  int any = 0;
  for (ptrdiff_t i = 0; i < rows; i++) {
    const T *restrict ei = e + i * e_stride;
    T *restrict oi = out + i * out_stride;
    int close = 0;
    if (form.gaussian) {
      for (ptrdiff_t j = 0; j < columns; j++) oi[j] = (T)(constant + ei[j]);
    } else {
      for (ptrdiff_t j = 0; j < columns; j++) {
        double d = distance - scale * LOG1P(inverse * ei[j]);
        close |= d < nearest;
        // Inside a class E = 0 is D = 0.
        oi[j] = d > 0 ? (T)((constant + ei[j]) / d) : 0;
      }
    }
    any |= close;
  }
  return any;
}

DISPATCHED void NAME(deeprfm_widen)(const T *restrict x, double *restrict out, ptrdiff_t count) {
  for (ptrdiff_t i = 0; i < count; i++) out[i] = x[i];
}

DISPATCHED void NAME(deeprfm_accumulate)(const T *restrict x, double *restrict out, ptrdiff_t count) {
  for (ptrdiff_t i = 0; i < count; i++) out[i] += x[i];
}

DISPATCHED void NAME(deeprfm_scale_rows)(const T *x, ptrdiff_t x_stride, const T *scale, ptrdiff_t scale_stride,
                                         ptrdiff_t rows, ptrdiff_t columns, T *out) {
  for (ptrdiff_t i = 0; i < rows; i++) {
    const T *restrict xi = x + i * x_stride;
    T *restrict oi = out + i * columns;
    const T s = scale[i * scale_stride];
    for (ptrdiff_t j = 0; j < columns; j++) oi[j] = s * xi[j];
  }
}

DISPATCHED double NAME(deeprfm_square_distance)(const T *restrict x, const T *restrict y, const double *a, const double *b,
                                                ptrdiff_t count) {
#pragma clang fp reassociate(on)
  double sum = 0;
  if (a == b) {
    for (ptrdiff_t k = 0; k < count; k++) {
      double difference = (double)x[k] - (double)y[k];
      sum += difference * difference;
    }
  } else {
    for (ptrdiff_t k = 0; k < count; k++) {
      double difference = ((double)x[k] - (double)y[k]) + (a[k] - b[k]);
      sum += difference * difference;
    }
  }
  return sum;
}

DISPATCHED void NAME(deeprfm_pair_weights)(T *q, ptrdiff_t q_stride, const T *p, const T *r, ptrdiff_t pr_stride,
                                           const T *h, ptrdiff_t h_stride, ptrdiff_t rows, ptrdiff_t columns) {
  for (ptrdiff_t i = 0; i < rows; i++) {
    T *restrict qi = q + i * q_stride;
    const T *restrict pi = p + i * pr_stride;
    const T *restrict ri = r + i * pr_stride;
    const T *restrict hi = h + i * h_stride;
    for (ptrdiff_t j = 0; j < columns; j++) qi[j] = pi[j] * qi[j] - ri[j] * hi[j];
  }
}

DISPATCHED void NAME(deeprfm_add_sums)(const T *q, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t columns, double *restrict row_sums,
                                       double *restrict column_sums) {
#pragma clang fp reassociate(on)
  for (ptrdiff_t i = 0; i < rows; i++) {
    const T *restrict qi = q + i * stride;
    double sum = 0;
    for (ptrdiff_t j = 0; j < columns; j++) {
      sum += (double)qi[j];
      column_sums[j] += (double)qi[j];
    }
    row_sums[i] += sum;
  }
}

DISPATCHED void NAME(deeprfm_multiply_entries)(T *w, ptrdiff_t w_stride, const T *h, ptrdiff_t h_stride, ptrdiff_t rows,
                                               ptrdiff_t columns) {
  for (ptrdiff_t i = 0; i < rows; i++) {
    T *restrict wi = w + i * w_stride;
    const T *restrict hi = h + i * h_stride;
    for (ptrdiff_t j = 0; j < columns; j++) wi[j] *= hi[j];
  }
}
