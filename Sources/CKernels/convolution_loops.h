// Included once for each type: T, NAME(x). See LinearAlgebra/ConvolutionScalar.swift.

// Columns are (channels x taps) x (window positions x samples), from images (channels x height x width x samples): with the samples
// last, a row of a tap's copy is one run where the window moves by one pixel.
DISPATCHED void NAME(deeprfm_image_columns)(const T *restrict x, deeprfm_window w, ptrdiff_t channels, ptrdiff_t samples,
                                            T *restrict columns) {
  for (ptrdiff_t c = 0; c < channels; c++) {
    const T *image = x + c * w.height * w.width * samples;
    for (ptrdiff_t ky = w.top; ky < w.bottom; ky++)
      for (ptrdiff_t kx = w.left; kx < w.right; kx++)
        for (ptrdiff_t i = 0; i < w.out_height; i++) {
          ptrdiff_t row = i * w.stride + ky - w.padding;
          T *out = columns;
          columns += w.out_width * samples;
          if (row < 0 || row >= w.height) {
            memset(out, 0, (size_t)(w.out_width * samples) * sizeof(T));
            continue;
          }
          const T *line = image + row * w.width * samples;
          ptrdiff_t shift = kx - w.padding;
          if (w.stride == 1) {
            ptrdiff_t first = shift < 0 ? -shift : 0, end = w.width - shift;
            if (end > w.out_width) end = w.out_width;
            memset(out, 0, (size_t)(first * samples) * sizeof(T));
            memcpy(out + first * samples, line + (first + shift) * samples, (size_t)((end - first) * samples) * sizeof(T));
            memset(out + end * samples, 0, (size_t)((w.out_width - end) * samples) * sizeof(T));
            continue;
          }
          for (ptrdiff_t j = 0; j < w.out_width; j++) {
            ptrdiff_t column = j * w.stride + shift;
            if (column < 0 || column >= w.width)
              for (ptrdiff_t s = 0; s < samples; s++) out[j * samples + s] = 0;
            else
              for (ptrdiff_t s = 0; s < samples; s++) out[j * samples + s] = line[column * samples + s];
          }
        }
  }
}

// The transpose of the above: x, set to 0 first, gathers what each column has of it.
DISPATCHED void NAME(deeprfm_add_image_columns)(const T *restrict columns, deeprfm_window w, ptrdiff_t channels,
                                                ptrdiff_t samples, T *restrict x) {
  const ptrdiff_t size = w.height * w.width * samples;
  for (ptrdiff_t c = 0; c < channels; c++) {
    T *image = x + c * size;
    memset(image, 0, (size_t)size * sizeof(T));
    for (ptrdiff_t ky = w.top; ky < w.bottom; ky++)
      for (ptrdiff_t kx = w.left; kx < w.right; kx++)
        for (ptrdiff_t i = 0; i < w.out_height; i++) {
          ptrdiff_t row = i * w.stride + ky - w.padding;
          const T *in = columns;
          columns += w.out_width * samples;
          if (row < 0 || row >= w.height) continue;
          T *line = image + row * w.width * samples;
          ptrdiff_t shift = kx - w.padding;
          if (w.stride == 1) {
            ptrdiff_t first = shift < 0 ? -shift : 0, end = w.width - shift;
            if (end > w.out_width) end = w.out_width;
            T *to = line + shift * samples;
            for (ptrdiff_t k = first * samples; k < end * samples; k++) to[k] += in[k];
            continue;
          }
          for (ptrdiff_t j = 0; j < w.out_width; j++) {
            ptrdiff_t column = j * w.stride + shift;
            if (column < 0 || column >= w.width) continue;
            for (ptrdiff_t s = 0; s < samples; s++) line[column * samples + s] += in[j * samples + s];
          }
        }
  }
}

// The taps that meet the image, of so many kernels.
DISPATCHED void NAME(deeprfm_gather_taps)(const T *restrict kernels, deeprfm_window w, ptrdiff_t count, T *restrict taps) {
  for (ptrdiff_t k = 0; k < count; k++, kernels += w.kernel * w.kernel)
    for (ptrdiff_t ky = w.top; ky < w.bottom; ky++)
      for (ptrdiff_t kx = w.left; kx < w.right; kx++) *taps++ = kernels[ky * w.kernel + kx];
}

DISPATCHED void NAME(deeprfm_scatter_taps)(const T *restrict taps, deeprfm_window w, ptrdiff_t count, T *restrict kernels) {
  for (ptrdiff_t k = 0; k < count; k++, kernels += w.kernel * w.kernel) {
    for (ptrdiff_t t = 0; t < w.kernel * w.kernel; t++) kernels[t] = 0;
    for (ptrdiff_t ky = w.top; ky < w.bottom; ky++)
      for (ptrdiff_t kx = w.left; kx < w.right; kx++) kernels[ky * w.kernel + kx] = *taps++;
  }
}

DISPATCHED void NAME(deeprfm_add)(const T *restrict x, T *restrict y, ptrdiff_t count) {
  for (ptrdiff_t i = 0; i < count; i++) y[i] += x[i];
}

DISPATCHED void NAME(deeprfm_add_relu)(const T *restrict x, T *restrict y, ptrdiff_t count) {
  for (ptrdiff_t i = 0; i < count; i++) {
    T sum = y[i] + x[i];
    y[i] = sum < 0 ? 0 : sum;
  }
}

// gradient <- gradient where y > 0, and a copy of it: for the two branches that met in y = relu(a + b).
DISPATCHED void NAME(deeprfm_relu_fork)(const T *restrict y, T *restrict gradient, T *restrict copy, ptrdiff_t count) {
  for (ptrdiff_t i = 0; i < count; i++) {
    T g = y[i] <= 0 ? 0 : gradient[i];
    gradient[i] = g;
    copy[i] = g;
  }
}

// The first largest value of each window, and its place in the plane. What is not a number is the largest.
DISPATCHED void NAME(deeprfm_max_pool)(const T *restrict x, deeprfm_window w, ptrdiff_t planes, T *restrict y,
                                       int32_t *restrict places) {
  for (ptrdiff_t plane = 0; plane < planes; plane++, x += w.height * w.width)
    for (ptrdiff_t i = 0; i < w.out_height; i++) {
      ptrdiff_t top = i * w.stride - w.padding, bottom = top + w.kernel;
      if (top < 0) top = 0;
      if (bottom > w.height) bottom = w.height;
      for (ptrdiff_t j = 0; j < w.out_width; j++) {
        ptrdiff_t left = j * w.stride - w.padding, right = left + w.kernel;
        if (left < 0) left = 0;
        if (right > w.width) right = w.width;
        ptrdiff_t best = top * w.width + left;
        T largest = x[best];
        for (ptrdiff_t r = top; r < bottom; r++)
          for (ptrdiff_t c = left; c < right; c++) {
            T value = x[r * w.width + c];
            int above = value > largest || value != value;
            largest = above ? value : largest;
            best = above ? r * w.width + c : best;
          }
        *y++ = largest;
        *places++ = (int32_t)best;
      }
    }
}

DISPATCHED void NAME(deeprfm_max_pool_backward)(const T *restrict gradient, const int32_t *restrict places, deeprfm_window w,
                                                ptrdiff_t planes, T *restrict x) {
  const ptrdiff_t size = w.height * w.width, positions = w.out_height * w.out_width;
  memset(x, 0, (size_t)(planes * size) * sizeof(T));
  for (ptrdiff_t plane = 0; plane < planes; plane++, x += size, gradient += positions, places += positions)
    for (ptrdiff_t k = 0; k < positions; k++) x[places[k]] += gradient[k];
}

// Bin i of m over n pixels: floor(i n / m) ..< ceil((i + 1) n / m).
#define DEEPRFM_BIN_START(i, n, m) ((i) * (n) / (m))
#define DEEPRFM_BIN_END(i, n, m) ((((i) + 1) * (n) + (m) - 1) / (m))

DISPATCHED void NAME(deeprfm_average_bins)(const T *restrict x, deeprfm_window w, ptrdiff_t planes, T *restrict y) {
  for (ptrdiff_t plane = 0; plane < planes; plane++, x += w.height * w.width)
    for (ptrdiff_t i = 0; i < w.out_height; i++) {
      ptrdiff_t top = DEEPRFM_BIN_START(i, w.height, w.out_height), bottom = DEEPRFM_BIN_END(i, w.height, w.out_height);
      for (ptrdiff_t j = 0; j < w.out_width; j++) {
        ptrdiff_t left = DEEPRFM_BIN_START(j, w.width, w.out_width), right = DEEPRFM_BIN_END(j, w.width, w.out_width);
        T sum = 0;
        for (ptrdiff_t r = top; r < bottom; r++)
          for (ptrdiff_t c = left; c < right; c++) sum += x[r * w.width + c];
        *y++ = sum / (T)((bottom - top) * (right - left));
      }
    }
}

DISPATCHED void NAME(deeprfm_average_bins_backward)(const T *restrict gradient, deeprfm_window w, ptrdiff_t planes,
                                                    T *restrict x) {
  memset(x, 0, (size_t)(planes * w.height * w.width) * sizeof(T));
  for (ptrdiff_t plane = 0; plane < planes; plane++, x += w.height * w.width)
    for (ptrdiff_t i = 0; i < w.out_height; i++) {
      ptrdiff_t top = DEEPRFM_BIN_START(i, w.height, w.out_height), bottom = DEEPRFM_BIN_END(i, w.height, w.out_height);
      for (ptrdiff_t j = 0; j < w.out_width; j++) {
        ptrdiff_t left = DEEPRFM_BIN_START(j, w.width, w.out_width), right = DEEPRFM_BIN_END(j, w.width, w.out_width);
        T share = *gradient++ / (T)((bottom - top) * (right - left));
        for (ptrdiff_t r = top; r < bottom; r++)
          for (ptrdiff_t c = left; c < right; c++) x[r * w.width + c] += share;
      }
    }
}

DISPATCHED void NAME(deeprfm_add_to_channels)(const T *restrict terms, ptrdiff_t rows, ptrdiff_t stride, ptrdiff_t channels,
                                              ptrdiff_t pixels, T *restrict y) {
  for (ptrdiff_t i = 0; i < rows; i++)
    for (ptrdiff_t c = 0; c < channels; c++)
      for (ptrdiff_t p = 0; p < pixels; p++) y[i * stride + c * pixels + p] += terms[c];
}

// sums_c += the sum of the channel's values over rows and pixels.
DISPATCHED void NAME(deeprfm_channel_sums)(const T *restrict x, ptrdiff_t rows, ptrdiff_t stride, ptrdiff_t channels,
                                           ptrdiff_t pixels, double *restrict sums) {
#pragma clang fp reassociate(on)
  for (ptrdiff_t i = 0; i < rows; i++)
    for (ptrdiff_t c = 0; c < channels; c++) {
      const T *plane = x + i * stride + c * pixels;
      double sum = 0;
      for (ptrdiff_t p = 0; p < pixels; p++) sum += (double)plane[p];
      sums[c] += sum;
    }
}

// squares_c += sum (x - mean_c)^2
DISPATCHED void NAME(deeprfm_channel_squares)(const T *restrict x, ptrdiff_t rows, ptrdiff_t stride, ptrdiff_t channels,
                                              ptrdiff_t pixels, const double *restrict means, double *restrict squares) {
#pragma clang fp reassociate(on)
  for (ptrdiff_t i = 0; i < rows; i++)
    for (ptrdiff_t c = 0; c < channels; c++) {
      const T *plane = x + i * stride + c * pixels;
      double sum = 0, mean = means[c];
      for (ptrdiff_t p = 0; p < pixels; p++) {
        double deviation = (double)plane[p] - mean;
        sum += deviation * deviation;
      }
      squares[c] += sum;
    }
}

// products_c += sum y (x - mean_c)
DISPATCHED void NAME(deeprfm_channel_products)(const T *restrict x, const T *restrict y, ptrdiff_t rows, ptrdiff_t stride,
                                               ptrdiff_t channels, ptrdiff_t pixels, const double *restrict means,
                                               double *restrict products) {
#pragma clang fp reassociate(on)
  for (ptrdiff_t i = 0; i < rows; i++)
    for (ptrdiff_t c = 0; c < channels; c++) {
      const T *a = x + i * stride + c * pixels, *b = y + i * stride + c * pixels;
      double sum = 0, mean = means[c];
      for (ptrdiff_t p = 0; p < pixels; p++) sum += (double)b[p] * ((double)a[p] - mean);
      products[c] += sum;
    }
}

// y = (x - mean_c) scale_c + offset_c
DISPATCHED void NAME(deeprfm_normalise_channels)(const T *restrict x, ptrdiff_t rows, ptrdiff_t stride, ptrdiff_t channels,
                                                 ptrdiff_t pixels, const double *restrict means,
                                                 const double *restrict scales, const double *restrict offsets,
                                                 T *restrict y) {
  for (ptrdiff_t i = 0; i < rows; i++)
    for (ptrdiff_t c = 0; c < channels; c++) {
      const T *in = x + i * stride + c * pixels;
      T *out = y + i * stride + c * pixels;
      const T mean = (T)means[c], scale = (T)scales[c], offset = (T)offsets[c];
      for (ptrdiff_t p = 0; p < pixels; p++) out[p] = (in[p] - mean) * scale + offset;
    }
}

// gradient = scale_c gradient + slope_c (x - mean_c) + offset_c
DISPATCHED void NAME(deeprfm_normalise_channels_backward)(const T *restrict x, ptrdiff_t rows, ptrdiff_t stride,
                                                          ptrdiff_t channels, ptrdiff_t pixels,
                                                          const double *restrict means, const double *restrict scales,
                                                          const double *restrict slopes, const double *restrict offsets,
                                                          T *restrict gradient) {
  for (ptrdiff_t i = 0; i < rows; i++)
    for (ptrdiff_t c = 0; c < channels; c++) {
      const T *in = x + i * stride + c * pixels;
      T *g = gradient + i * stride + c * pixels;
      const T mean = (T)means[c], scale = (T)scales[c], slope = (T)slopes[c], offset = (T)offsets[c];
      for (ptrdiff_t p = 0; p < pixels; p++) g[p] = scale * g[p] + slope * (in[p] - mean) + offset;
    }
}
