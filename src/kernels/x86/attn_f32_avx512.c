/* attn_f32.h for AVX-512. */
#include "kernels/x86/lanes_avx512.inc"

#include "kernels/simd/attn_f32.inc"
