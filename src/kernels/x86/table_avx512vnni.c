/* The table of kernels for AVX-512 VNNI. */
#include "kernels/x86/lanes_avx512vnni.inc"

#include "kernels/simd/table.inc"
