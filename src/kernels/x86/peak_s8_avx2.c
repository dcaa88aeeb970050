/* peak.h, integers, for AVX2. */
#include "kernels/x86/lanes_avx2.inc"

#include "kernels/simd/peak_s8.inc"
