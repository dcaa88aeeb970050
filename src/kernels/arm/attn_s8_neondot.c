/* attn_s8.h for AArch64 with FEAT_DotProd. */
#include "kernels/arm/lanes_neondot.inc"

#include "kernels/simd/attn_s8.inc"
