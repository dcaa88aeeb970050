/* attn_f32.h for AVX2 with FMA and F16C. */
#include "kernels/x86/lanes_avx2.inc"

#include "kernels/simd/attn_f32.inc"
