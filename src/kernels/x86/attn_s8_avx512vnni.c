/* attn_s8.h for AVX-512 VNNI. */
#include "kernels/x86/lanes_avx512vnni.inc"

#include "kernels/simd/attn_s8.inc"
