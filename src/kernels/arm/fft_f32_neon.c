/* fft_f32.h for AArch64. */
#include "kernels/arm/lanes_neon.inc"

#include "kernels/simd/fft_f32.inc"
