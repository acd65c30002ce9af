// The product of a stored tile with vectors, both ways in one reading (y_rows += E x_columns, y_columns += E^T x_rows) or one.
//
// Each element is read from memory once and used 2 K times. Registers run along a row of the tile, so that no worker is wasted whatever
// K is: the vectors of the columns' side lie transposed, (K x columns).

#include "CKernels.h"

// A block of BLOCK rows and the next one, of tiles 512 wide, lie well inside the L2 cache: 1 MiB and more where servers have 512-bit registers.

#if defined(__x86_64__)

// 32 registers. In double precision 6 vectors of a tile's length fill the L1 cache.
#define WIDTH 64
#define TARGET __attribute__((target("arch=x86-64-v4")))
#define BLOCK 128
#define R 2
#define MOST 12
#define TE float
#define TV float
#define NAME(x) x##_f32_f32_v4
#include "product.h"
#undef TV
#undef NAME
#undef R
#undef MOST
#define R 4
#define MOST 6
#define TV double
#define NAME(x) x##_f32_f64_v4
#include "product.h"
#undef BLOCK
#define BLOCK 64
#undef TE
#undef NAME
#define TE double
#define NAME(x) x##_f64_f64_v4
#include "product.h"
#undef TE
#undef TV
#undef NAME
#undef R
#undef WIDTH
#undef TARGET

// 16 registers.
#define R 2
#define WIDTH 32
#define TARGET __attribute__((target("arch=x86-64-v3")))
#define TE float
#define TV float
#define NAME(x) x##_f32_f32_v3
#include "product.h"
#undef TV
#undef NAME
#define TV double
#define NAME(x) x##_f32_f64_v3
#include "product.h"
#undef TE
#undef NAME
#define TE double
#define NAME(x) x##_f64_f64_v3
#include "product.h"
#undef TE
#undef TV
#undef NAME
#undef R
#undef WIDTH
#undef TARGET

#endif

#undef BLOCK
#define BLOCK 64
#undef MOST
#define MOST 6
#define R 2
#define WIDTH 16
#define TARGET
#define TE float
#define TV float
#define NAME(x) x##_f32_f32_baseline
#include "product.h"
#undef TV
#undef NAME
#define TV double
#define NAME(x) x##_f32_f64_baseline
#include "product.h"
#undef TE
#undef NAME
#define TE double
#define NAME(x) x##_f64_f64_baseline
#include "product.h"

#if defined(__x86_64__)
#define CHOOSE(X)                                                    \
  __builtin_cpu_supports("x86-64-v4")   ? product_##X##_v4           \
  : __builtin_cpu_supports("x86-64-v3") ? product_##X##_v3           \
                                        : product_##X##_baseline
#else
#define CHOOSE(X) product_##X##_baseline
#endif

#define DEFINE(TE, TV, X)                                                                                              \
  void deeprfm_tile_product_##X(const TE *tile, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t stride, ptrdiff_t vectors, \
                                ptrdiff_t length, ptrdiff_t spacing, const TV *x_columns, const TV *x_rows,            \
                                double *y_columns, double *y_rows, int sides) {                                        \
    (CHOOSE(X))(tile, rows, columns, stride, vectors, length, spacing, x_columns, x_rows, y_columns, y_rows, sides);     \
  }

#undef TE
#undef TV
DEFINE(float, float, f32_f32)
DEFINE(float, double, f32_f64)
DEFINE(double, double, f64_f64)
