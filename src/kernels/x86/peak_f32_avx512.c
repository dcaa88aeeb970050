/* peak.h, f32 and memory, for AVX-512. */
#include "kernels/x86/lanes_avx512.inc"

#include "kernels/simd/peak_f32.inc"
