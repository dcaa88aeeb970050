/* quantize.h for AVX2. */
#include "kernels/x86/lanes_avx2.inc"

#include "kernels/simd/quantize.inc"
