/* gemm_s4.h for AVX-512. */
#include "kernels/x86/lanes_avx512.inc"

#include "kernels/simd/expand_s4.inc"
