#include "CKernels.h"

#include <float.h>

#include "dispatched.h"

// With narrower registers a core asks for lines less often than memory could give them.
DISPATCHED uint64_t deeprfm_read_words(const uint64_t *x, ptrdiff_t count) {
  uint64_t sum = 0;
  for (ptrdiff_t k = 0; k < count; k++) sum += x[k];
  return sum;
}

#include "expm1.h"
#include "log1p.h"

#define T float
#define NAME(x) x##_f32
#define EXPM1 expm1_f32
#define EXP exp_f32
#define LOG1P log1p_f32
#define SQRT __builtin_sqrtf
#define TINY FLT_MIN
#include "loops.h"
#undef T
#undef NAME
#undef EXPM1
#undef EXP
#undef LOG1P
#undef SQRT
#undef TINY

#define T double
#define NAME(x) x##_f64
#define EXPM1 expm1_f64
#define EXP exp_f64
#define LOG1P log1p_f64
#define SQRT __builtin_sqrt
#define TINY DBL_MIN
#include "loops.h"
