#include "CKernels.h"

#include "dispatched.h"

#include "expm1.h"

#define T float
#define NAME(x) x##_f32
#define EXPM1 expm1_f32
#define EXP exp_f32
#define SQRT __builtin_sqrtf
#define ERF __builtin_erff
#include "network_loops.h"
#undef T
#undef NAME
#undef EXPM1
#undef EXP
#undef SQRT
#undef ERF

#define T double
#define NAME(x) x##_f64
#define EXPM1 expm1_f64
#define EXP exp_f64
#define SQRT __builtin_sqrt
#define ERF __builtin_erf
#include "network_loops.h"
