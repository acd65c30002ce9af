// The few hot elementwise loops. Each is compiled for x86-64-v4, -v3 and the baseline and dispatched when the
// program is loaded. LinearAlgebra/Elementwise.swift documents them and holds their reference implementations.
#ifndef CELEMENTWISE_H
#define CELEMENTWISE_H

#include <stddef.h>
#include <stdint.h>

#include "convolution.h"
#include "network.h"

// Kernel values below this are next to nothing beside the kernel's 1 on the diagonal, in either precision.
#define DEEPRFM_NEGLIGIBLE 1e-16

typedef struct {
  int32_t gaussian;  // 0: exp(-D / s), 1: exp(-D^2 / (2 s^2))
  double distance;   // |m_b - m_a|, 0 inside a class
  double rate;       // 1 / s, or 1 / (2 s^2)
  double constant;   // the kernel at that distance
  double near;       // pairs with D^2 below near * (|row|^2 + |column|^2 + distance^2) are reported
} deeprfm_tile_form;

#define DEEPRFM_DECLARE(T, X)                                                                              \
  int deeprfm_kernel_deviation_##X(const T *g, T *out, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t g_stride,    \
                                   ptrdiff_t out_stride, const T *alpha, const T *beta, const T *row_norm,   \
                                   const T *column_norm, deeprfm_tile_form form);                          \
  int deeprfm_gradient_weight_##X(const T *g, T *out, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t g_stride,     \
                                  ptrdiff_t out_stride, const T *alpha, const T *beta, const T *row_norm,    \
                                  const T *column_norm, deeprfm_tile_form form);                           \
  int deeprfm_weight_of_deviation_##X(const T *e, T *out, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t e_stride, \
                                      ptrdiff_t out_stride, double nearest, deeprfm_tile_form form);       \
  void deeprfm_widen_##X(const T *x, double *out, ptrdiff_t count);                                          \
  void deeprfm_accumulate_##X(const T *x, double *out, ptrdiff_t count);                                     \
  void deeprfm_scale_rows_##X(const T *x, ptrdiff_t x_stride, const T *scale, ptrdiff_t scale_stride,          \
                              ptrdiff_t rows, ptrdiff_t columns, T *out);                               \
  double deeprfm_square_distance_##X(const T *x, const T *y, const double *a, const double *b, ptrdiff_t count); \
  void deeprfm_pair_weights_##X(T *q, ptrdiff_t q_stride, const T *p, const T *r, ptrdiff_t pr_stride, const T *h, \
                                ptrdiff_t h_stride, ptrdiff_t rows, ptrdiff_t columns);                    \
  void deeprfm_multiply_entries_##X(T *w, ptrdiff_t w_stride, const T *h, ptrdiff_t h_stride, ptrdiff_t rows, \
                                    ptrdiff_t columns);                                                    \
  void deeprfm_add_sums_##X(const T *q, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t columns, double *row_sums, \
                            double *column_sums);

DEEPRFM_DECLARE(float, f32)
DEEPRFM_DECLARE(double, f64)

// The sum of so many words, which wraps around: reads them as fast as memory gives.
uint64_t deeprfm_read_words(const uint64_t *x, ptrdiff_t count);

// Tells the processor that this thread looks again and again at what it waits for.
static inline void deeprfm_relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb" ::: "memory");
#endif
}

// What the processor has of what OpenBLAS's kernels differ in: see LinearAlgebra/Processor.swift.
unsigned deeprfm_processor_features(void);

// The processors this process may run on, a bit each, lowest first. 0, or -1 if the system does not say.
int deeprfm_bound_processors(uint64_t *mask, size_t words);

// sched_setaffinity(2) of the calling thread, and of those that it makes.
int deeprfm_bind_thread(const uint64_t *mask, size_t words);

// The product of a tile with K vectors: y_rows += E x_columns, y_columns += E^T x_rows, or both, as `sides` asks.
// E is (rows x columns), row after row `stride` apart; x_rows and y_rows are (rows x K); x_columns and y_columns (K x columns),
// `length` and `spacing` apart. Every row of E and of x_columns is readable up to a multiple of DEEPRFM_PADDING columns, and E is 0
// there. Sums of columns are in TV over at most 128 rows, and of rows over E's columns. A side that is not asked for is not touched.
#define DEEPRFM_PADDING 16
#define DEEPRFM_ROW_SUMS 1
#define DEEPRFM_COLUMN_SUMS 2
#define DEEPRFM_DECLARE_PRODUCT(TE, TV, X)                                                                 \
  void deeprfm_tile_product_##X(const TE *tile, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t stride,       \
                                ptrdiff_t vectors, ptrdiff_t length, ptrdiff_t spacing,                    \
                                const TV *x_columns, const TV *x_rows, double *y_columns, double *y_rows, int sides);

DEEPRFM_DECLARE_PRODUCT(float, float, f32_f32)
DEEPRFM_DECLARE_PRODUCT(float, double, f32_f64)
DEEPRFM_DECLARE_PRODUCT(double, double, f64_f64)

/// Blocks of so many bytes and more go back to the system when they are freed, instead of being kept for later.
void deeprfm_return_freed_memory(size_t threshold);

#endif
