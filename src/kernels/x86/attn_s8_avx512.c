/* attn_s8.h for AVX-512. */
#include "kernels/x86/lanes_avx512.inc"

#include "kernels/simd/attn_s8.inc"
