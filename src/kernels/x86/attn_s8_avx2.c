/* attn_s8.h for AVX2. */
#include "kernels/x86/lanes_avx2.inc"

#include "kernels/simd/attn_s8.inc"
