/* peak.h, integers, for AArch64. */
#include "kernels/arm/lanes_neon.inc"

#include "kernels/simd/peak_s8.inc"
