/* peak.h, f32 and memory, for AVX2. */
#include "kernels/x86/lanes_avx2.inc"

#include "kernels/simd/peak_f32.inc"
