/* peak.h, integers, for AArch64 with FEAT_DotProd. */
#include "kernels/arm/lanes_neondot.inc"

#include "kernels/simd/peak_s8.inc"
