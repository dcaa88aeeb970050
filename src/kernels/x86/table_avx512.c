/* The table of kernels for AVX-512. */
#include "kernels/x86/lanes_avx512.inc"

#include "kernels/simd/table.inc"
