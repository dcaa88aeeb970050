/* gemm_s4.h for AVX-512 VNNI. */
#include "kernels/x86/lanes_avx512vnni.inc"

#include "kernels/simd/expand_s4.inc"
