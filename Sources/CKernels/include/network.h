// The elementwise loops of a network. LinearAlgebra/NetworkScalar.swift documents them.
#ifndef DEEPRFM_NETWORK_LOOPS_H
#define DEEPRFM_NETWORK_LOOPS_H

#include <stddef.h>
#include <stdint.h>

#define DEEPRFM_RELU 0
#define DEEPRFM_LEAKY_RELU 1
#define DEEPRFM_TANH 2
#define DEEPRFM_GELU 3
#define DEEPRFM_QUADRATIC 4

// What Adam's step needs beside the vectors.
typedef struct {
  double rate;         // lr / (1 - beta1^t)
  double beta1, beta2;
  double correction;   // 1 / sqrt(1 - beta2^t)
  double epsilon, decay;
} deeprfm_adam_form;

#define DEEPRFM_DECLARE_NETWORK(T, X)                                                                        \
  void deeprfm_activate_##X(int32_t kind, T *x, T *y, ptrdiff_t count);                                      \
  void deeprfm_activate_backward_##X(int32_t kind, const T *kept, T *gradient, ptrdiff_t count);             \
  double deeprfm_square_loss_##X(const T *outputs, const int32_t *labels, ptrdiff_t rows, ptrdiff_t classes, \
                                 double scale, T *gradient);                                                 \
  double deeprfm_cross_entropy_##X(const T *outputs, const int32_t *labels, ptrdiff_t rows,                  \
                                   ptrdiff_t classes, double scale, T *gradient);                            \
  ptrdiff_t deeprfm_count_correct_##X(const T *outputs, const int32_t *labels, ptrdiff_t rows, ptrdiff_t classes); \
  void deeprfm_sgd_##X(T *weights, const T *gradients, T *velocity, ptrdiff_t count, double rate,            \
                       double momentum, double decay);                                                       \
  void deeprfm_adam_##X(T *weights, const T *gradients, T *first, T *second, ptrdiff_t count,                \
                        deeprfm_adam_form form);                                                             \
  void deeprfm_add_rows_##X(const T *x, ptrdiff_t rows, ptrdiff_t columns, const T *row, T *y);              \
  void deeprfm_column_sums_##X(const T *x, ptrdiff_t rows, ptrdiff_t columns, T *sums);                      \
  double deeprfm_deviation_##X(const T *x, const double *mean, double *sums, ptrdiff_t count);

DEEPRFM_DECLARE_NETWORK(float, f32)
DEEPRFM_DECLARE_NETWORK(double, f64)

#endif
