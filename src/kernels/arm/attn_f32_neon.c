/* attn_f32.h for AArch64. */
#include "kernels/arm/lanes_neon.inc"

#include "kernels/simd/attn_f32.inc"
