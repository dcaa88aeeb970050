/* peak.h, integers, for AVX-VNNI. */
#include "kernels/x86/lanes_avxvnni.inc"

#include "kernels/simd/peak_s8.inc"
