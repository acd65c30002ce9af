#include "CKernels.h"

#include <string.h>

#if defined(__x86_64__)
#define DISPATCHED __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define DISPATCHED
#endif

#define T float
#define NAME(x) x##_f32
#include "convolution_loops.h"
#undef T
#undef NAME

#define T double
#define NAME(x) x##_f64
#include "convolution_loops.h"
