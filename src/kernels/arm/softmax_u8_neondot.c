/* softmax_u8.h for AArch64 with FEAT_DotProd. */
#include "kernels/arm/lanes_neondot.inc"

#include "kernels/simd/softmax_u8.inc"
