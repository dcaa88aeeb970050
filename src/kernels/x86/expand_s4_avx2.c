/* gemm_s4.h for AVX2. */
#include "kernels/x86/lanes_avx2.inc"

#include "kernels/simd/expand_s4.inc"
