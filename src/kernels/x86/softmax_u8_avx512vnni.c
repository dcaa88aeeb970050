/* softmax_u8.h for AVX-512 VNNI. */
#include "kernels/x86/lanes_avx512vnni.inc"

#include "kernels/simd/softmax_u8.inc"
