// Included once for each type: T, NAME(x), EXPM1, EXP, SQRT, ERF.

// With the two smooth kinds that need it, x becomes the derivative, which the backward pass multiplies by.
DISPATCHED void NAME(deeprfm_activate)(int32_t kind, T *x, T *y, ptrdiff_t count) {
  switch (kind) {
    case DEEPRFM_RELU:
      // What is not a number stays so: a run that diverges must be seen.
      for (ptrdiff_t i = 0; i < count; i++) y[i] = x[i] < 0 ? 0 : x[i];
      break;
    case DEEPRFM_LEAKY_RELU:
      for (ptrdiff_t i = 0; i < count; i++) y[i] = x[i] < 0 ? (T)0.01 * x[i] : x[i];
      break;
    case DEEPRFM_TANH:
      for (ptrdiff_t i = 0; i < count; i++) {
        T a = x[i] < 0 ? x[i] : -x[i], e = EXPM1(2 * a), t = e / (2 + e);  // tanh a = expm1(2a) / (2 + expm1(2a))
        y[i] = x[i] < 0 ? t : -t;
      }
      break;
    case DEEPRFM_GELU:
      for (ptrdiff_t i = 0; i < count; i++) {
        T v = x[i], phi = (T)0.5 * (1 + ERF(v * (T)0.70710678118654752440));
        y[i] = v * phi;
        x[i] = phi + v * (T)0.39894228040143267794 * EXP((T)-0.5 * v * v);
      }
      break;
    default:
      for (ptrdiff_t i = 0; i < count; i++) {
        T v = x[i];
        y[i] = v * v;
        x[i] = 2 * v;
      }
  }
}

DISPATCHED void NAME(deeprfm_activate_backward)(int32_t kind, const T *kept, T *gradient, ptrdiff_t count) {
  switch (kind) {
    case DEEPRFM_RELU:
      for (ptrdiff_t i = 0; i < count; i++) gradient[i] = kept[i] <= 0 ? 0 : gradient[i];
      break;
    case DEEPRFM_LEAKY_RELU:
      for (ptrdiff_t i = 0; i < count; i++) gradient[i] = kept[i] <= 0 ? (T)0.01 * gradient[i] : gradient[i];
      break;
    case DEEPRFM_TANH:
      for (ptrdiff_t i = 0; i < count; i++) gradient[i] *= 1 - kept[i] * kept[i];
      break;
    default:
      for (ptrdiff_t i = 0; i < count; i++) gradient[i] *= kept[i];
  }
}

// Sum over rows and classes of (f - t)^2, t = 1 at the label and -1 elsewhere; gradient = scale (f - t), unless null.
DISPATCHED double NAME(deeprfm_square_loss)(const T *outputs, const int32_t *labels, ptrdiff_t rows, ptrdiff_t classes,
                                            double scale, T *gradient) {
  double sum = 0;
  for (ptrdiff_t i = 0; i < rows; i++) {
    const T *f = outputs + i * classes;
    for (ptrdiff_t c = 0; c < classes; c++) {
      double error = (double)f[c] - (c == labels[i] ? 1 : -1);
      sum += error * error;
      if (gradient) gradient[i * classes + c] = (T)(scale * error);
    }
  }
  return sum;
}

// Sum over rows of log sum exp f - f_label; gradient = scale (softmax f - e_label), unless null. Rows without a label give 0.
DISPATCHED double NAME(deeprfm_cross_entropy)(const T *outputs, const int32_t *labels, ptrdiff_t rows, ptrdiff_t classes,
                                              double scale, T *gradient) {
  double sum = 0;
  for (ptrdiff_t i = 0; i < rows; i++) {
    const T *f = outputs + i * classes;
    const int32_t label = labels[i];
    double largest = f[0], total = 0;
    for (ptrdiff_t c = 1; c < classes; c++) largest = f[c] > largest ? f[c] : largest;
    for (ptrdiff_t c = 0; c < classes; c++) total += __builtin_exp((double)f[c] - largest);
    if (label >= 0) sum += __builtin_log(total) + largest - (double)f[label];
    if (!gradient) continue;
    for (ptrdiff_t c = 0; c < classes; c++) {
      double share = __builtin_exp((double)f[c] - largest) / total;
      gradient[i * classes + c] = label < 0 ? 0 : (T)(scale * (share - (c == label ? 1 : 0)));
    }
  }
  return sum;
}

// Rows whose first largest output is their label's.
DISPATCHED ptrdiff_t NAME(deeprfm_count_correct)(const T *outputs, const int32_t *labels, ptrdiff_t rows, ptrdiff_t classes) {
  ptrdiff_t correct = 0;
  for (ptrdiff_t i = 0; i < rows; i++) {
    const T *f = outputs + i * classes;
    ptrdiff_t best = 0;
    for (ptrdiff_t c = 1; c < classes; c++) best = f[c] > f[best] ? c : best;
    correct += best == labels[i];
  }
  return correct;
}

// g + decay w; v <- momentum v + that; w <- w - rate v. Without momentum v is null.
DISPATCHED void NAME(deeprfm_sgd)(T *restrict weights, const T *restrict gradients, T *restrict velocity, ptrdiff_t count,
                                  double rate, double momentum, double decay) {
  const T lr = (T)rate, m = (T)momentum, d = (T)decay;
  if (velocity) {
    for (ptrdiff_t i = 0; i < count; i++) {
      T v = m * velocity[i] + (gradients[i] + d * weights[i]);
      velocity[i] = v;
      weights[i] -= lr * v;
    }
  } else {
    for (ptrdiff_t i = 0; i < count; i++) weights[i] -= lr * (gradients[i] + d * weights[i]);
  }
}

DISPATCHED void NAME(deeprfm_adam)(T *restrict weights, const T *restrict gradients, T *restrict first, T *restrict second,
                                   ptrdiff_t count, deeprfm_adam_form form) {
  const T rate = (T)form.rate, b1 = (T)form.beta1, b2 = (T)form.beta2, a1 = (T)(1 - form.beta1), a2 = (T)(1 - form.beta2);
  const T correction = (T)form.correction, epsilon = (T)form.epsilon, decay = (T)form.decay;
  for (ptrdiff_t i = 0; i < count; i++) {
    T g = gradients[i] + decay * weights[i];
    T m = b1 * first[i] + a1 * g, v = b2 * second[i] + a2 * g * g;
    first[i] = m;
    second[i] = v;
    weights[i] -= rate * m / (SQRT(v) * correction + epsilon);
  }
}

// y_i = x_i + row, for every row.
DISPATCHED void NAME(deeprfm_add_rows)(const T *x, ptrdiff_t rows, ptrdiff_t columns, const T *row, T *y) {
  for (ptrdiff_t i = 0; i < rows; i++)
    for (ptrdiff_t j = 0; j < columns; j++) y[i * columns + j] = x[i * columns + j] + row[j];
}

DISPATCHED void NAME(deeprfm_column_sums)(const T *restrict x, ptrdiff_t rows, ptrdiff_t columns, T *restrict sums) {
  for (ptrdiff_t j = 0; j < columns; j++) sums[j] = 0;
  for (ptrdiff_t i = 0; i < rows; i++)
    for (ptrdiff_t j = 0; j < columns; j++) sums[j] += x[i * columns + j];
}

// |x - mean|^2, and adds x - mean to `sums`.
DISPATCHED double NAME(deeprfm_deviation)(const T *restrict x, const double *restrict mean, double *restrict sums,
                                          ptrdiff_t count) {
#pragma clang fp reassociate(on)
  double square = 0;
  for (ptrdiff_t k = 0; k < count; k++) {
    double difference = (double)x[k] - mean[k];
    sums[k] += difference;
    square += difference * difference;
  }
  return square;
}
