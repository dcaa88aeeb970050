/* quantize.h for AArch64. */
#include "kernels/arm/lanes_neon.inc"

#include "kernels/simd/quantize.inc"
