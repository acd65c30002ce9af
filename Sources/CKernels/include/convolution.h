// The loops of a convolutional network. LinearAlgebra/ConvolutionScalar.swift documents them.
#ifndef DEEPRFM_CONVOLUTION_H
#define DEEPRFM_CONVOLUTION_H

#include <stddef.h>
#include <stdint.h>

// A window that moves over an image of one channel; the taps of it that meet the image somewhere are a rectangle.
typedef struct {
  ptrdiff_t height, width;          // of the image
  ptrdiff_t out_height, out_width;  // positions of the window
  ptrdiff_t kernel, stride, padding;
  ptrdiff_t top, bottom, left, right;  // taps: rows top ..< bottom, columns left ..< right
} deeprfm_window;

#define DEEPRFM_DECLARE_CONVOLUTION(T, X)                                                                            \
  void deeprfm_image_columns_##X(const T *x, deeprfm_window window, ptrdiff_t channels, ptrdiff_t samples,           \
                                 T *columns);                                                                        \
  void deeprfm_add_image_columns_##X(const T *columns, deeprfm_window window, ptrdiff_t channels,                    \
                                     ptrdiff_t samples, T *x);                                                       \
  void deeprfm_gather_taps_##X(const T *kernels, deeprfm_window window, ptrdiff_t count, T *taps);                   \
  void deeprfm_scatter_taps_##X(const T *taps, deeprfm_window window, ptrdiff_t count, T *kernels);                  \
  void deeprfm_transpose_##X(const T *a, ptrdiff_t rows, ptrdiff_t columns, T *b);                                   \
  void deeprfm_add_##X(const T *x, T *y, ptrdiff_t count);                                                           \
  void deeprfm_add_relu_##X(const T *x, T *y, ptrdiff_t count);                                                      \
  void deeprfm_relu_fork_##X(const T *y, T *gradient, T *copy, ptrdiff_t count);                                     \
  void deeprfm_max_pool_##X(const T *x, deeprfm_window window, ptrdiff_t planes, T *y, int32_t *places);             \
  void deeprfm_max_pool_backward_##X(const T *gradient, const int32_t *places, deeprfm_window window,                \
                                     ptrdiff_t planes, T *x);                                                        \
  void deeprfm_average_bins_##X(const T *x, deeprfm_window window, ptrdiff_t planes, T *y);                          \
  void deeprfm_average_bins_backward_##X(const T *gradient, deeprfm_window window, ptrdiff_t planes, T *x);          \
  void deeprfm_add_to_channels_##X(const T *terms, ptrdiff_t rows, ptrdiff_t stride, ptrdiff_t channels,             \
                                   ptrdiff_t pixels, T *y);                                                          \
  void deeprfm_channel_sums_##X(const T *x, ptrdiff_t rows, ptrdiff_t stride, ptrdiff_t channels, ptrdiff_t pixels,  \
                                double *sums);                                                                       \
  void deeprfm_channel_squares_##X(const T *x, ptrdiff_t rows, ptrdiff_t stride, ptrdiff_t channels,                 \
                                   ptrdiff_t pixels, const double *means, double *squares);                          \
  void deeprfm_channel_products_##X(const T *x, const T *y, ptrdiff_t rows, ptrdiff_t stride, ptrdiff_t channels,    \
                                    ptrdiff_t pixels, const double *means, double *products);                        \
  void deeprfm_normalise_channels_##X(const T *x, ptrdiff_t rows, ptrdiff_t stride, ptrdiff_t channels,              \
                                      ptrdiff_t pixels, const double *means, const double *scales,                   \
                                      const double *offsets, T *y);                                                  \
  void deeprfm_normalise_channels_backward_##X(const T *x, ptrdiff_t rows, ptrdiff_t stride, ptrdiff_t channels,     \
                                               ptrdiff_t pixels, const double *means, const double *scales,          \
                                               const double *slopes, const double *offsets, T *gradient);

DEEPRFM_DECLARE_CONVOLUTION(float, f32)
DEEPRFM_DECLARE_CONVOLUTION(double, f64)

#endif
