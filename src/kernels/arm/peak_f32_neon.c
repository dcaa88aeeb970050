/* peak.h, f32 and memory, for AArch64. */
#include "kernels/arm/lanes_neon.inc"

#include "kernels/simd/peak_f32.inc"
