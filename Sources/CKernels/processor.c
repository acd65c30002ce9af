#define _GNU_SOURCE
#include "CKernels.h"

#include <malloc.h>
#include <sched.h>

// 1: AVX2 and FMA. 2: the AVX-512 that OpenBLAS's SkylakeX kernels need. As this process sees the processor, and only
// what the system saves and restores.
unsigned deeprfm_processor_features(void) {
  unsigned features = 0;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) features |= 1;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd"))
    features |= 2;
#endif
  return features;
}

int deeprfm_bound_processors(uint64_t *mask, size_t words) {
  return sched_getaffinity(0, words * sizeof *mask, (cpu_set_t *)mask);
}

int deeprfm_bind_thread(const uint64_t *mask, size_t words) {
  return sched_setaffinity(0, words * sizeof *mask, (const cpu_set_t *)mask);
}

// mallopt(3).
void deeprfm_return_freed_memory(size_t threshold) {
  mallopt(M_MMAP_THRESHOLD, (int)threshold);
  mallopt(M_TRIM_THRESHOLD, (int)(2 * threshold));
}
