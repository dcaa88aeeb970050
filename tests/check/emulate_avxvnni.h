/* AVX-VNNI's dot product in AVX2 instructions: what the AVX-VNNI kernels do is checked anywhere. */
#ifndef AM_TESTS_CHECK_EMULATE_AVXVNNI_H
#define AM_TESTS_CHECK_EMULATE_AVXVNNI_H

#include <immintrin.h>

static inline __m256i emulated_dpbusd(__m256i sum, __m256i a, __m256i b) {
    const __m256i low = _mm256_set1_epi16(0xff);
    const __m256i even = _mm256_madd_epi16(_mm256_and_si256(a, low),
                                           _mm256_srai_epi16(_mm256_slli_epi16(b, 8), 8));
    const __m256i odd = _mm256_madd_epi16(_mm256_srli_epi16(a, 8), _mm256_srai_epi16(b, 8));
    return _mm256_add_epi32(sum, _mm256_add_epi32(even, odd));
}

#undef _mm256_dpbusd_avx_epi32
#define _mm256_dpbusd_avx_epi32(sum, a, b) emulated_dpbusd(sum, a, b)

#endif
