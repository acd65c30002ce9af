#include "CKernels.h"

#include <string.h>

#include "dispatched.h"

#define T float
#define NAME(x) x##_f32
#include "transpose_loops.h"
#include "convolution_loops.h"
#undef T
#undef NAME

#define T double
#define NAME(x) x##_f64
#include "transpose_loops.h"
#include "convolution_loops.h"
