/* The table of kernels for AArch64 with FEAT_DotProd. */
#include "kernels/arm/lanes_neondot.inc"

#include "kernels/simd/table.inc"
