/* The table of kernels for AArch64. */
#include "kernels/arm/lanes_neon.inc"

#include "kernels/simd/table.inc"
