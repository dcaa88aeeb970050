/* softmax_u8.h for AVX-VNNI. */
#include "kernels/x86/lanes_avxvnni.inc"

#include "kernels/simd/softmax_u8.inc"
