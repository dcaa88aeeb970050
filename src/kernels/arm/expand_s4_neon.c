/* gemm_s4.h for AArch64. */
#include "kernels/arm/lanes_neon.inc"

#include "kernels/simd/expand_s4.inc"
