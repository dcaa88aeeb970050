/* gemm_s8.h for AArch64. */
#include "kernels/arm/lanes_neon.inc"

#include "kernels/simd/gemm_s8.inc"
