/* peak.h, integers, for AVX-512. */
#include "kernels/x86/lanes_avx512.inc"

#include "kernels/simd/peak_s8.inc"
