/* softmax_u8.h for AArch64. */
#include "kernels/arm/lanes_neon.inc"

#include "kernels/simd/softmax_u8.inc"
