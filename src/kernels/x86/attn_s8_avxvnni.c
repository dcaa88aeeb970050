/* attn_s8.h for AVX-VNNI. */
#include "kernels/x86/lanes_avxvnni.inc"

#include "kernels/simd/attn_s8.inc"
