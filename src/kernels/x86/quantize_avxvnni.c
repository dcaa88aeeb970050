/* quantize.h for AVX-VNNI. */
#include "kernels/x86/lanes_avxvnni.inc"

#include "kernels/simd/quantize.inc"
