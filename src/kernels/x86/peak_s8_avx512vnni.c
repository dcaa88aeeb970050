/* peak.h, integers, for AVX-512 VNNI. */
#include "kernels/x86/lanes_avx512vnni.inc"

#include "kernels/simd/peak_s8.inc"
