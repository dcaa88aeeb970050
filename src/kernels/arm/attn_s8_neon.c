/* attn_s8.h for AArch64. */
#include "kernels/arm/lanes_neon.inc"

#include "kernels/simd/attn_s8.inc"
