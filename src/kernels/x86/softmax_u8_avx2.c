/* softmax_u8.h for AVX2 with FMA and F16C. */
#include "kernels/x86/lanes_avx2.inc"

#include "kernels/simd/softmax_u8.inc"
