/* gemm_s4.h for AVX-VNNI. */
#include "kernels/x86/lanes_avxvnni.inc"

#include "kernels/simd/expand_s4.inc"
