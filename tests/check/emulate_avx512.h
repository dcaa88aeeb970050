/*
 * AVX-512 intrinsics in portable C, by SIMDe, with those that its older releases lack. Put in front
 * of the AVX-512 kernels by the compiler's -include: their logic then runs on any machine.
 */
#ifndef AM_TESTS_CHECK_EMULATE_AVX512_H
#define AM_TESTS_CHECK_EMULATE_AVX512_H

#define SIMDE_ENABLE_NATIVE_ALIASES
#if defined(__GNUC__)
#pragma GCC system_header /* not ours to warn about */
#endif
#include <math.h>
#include <simde/x86/avx2.h>
#include <simde/x86/avx512.h>
#include <simde/x86/f16c.h>
#include <simde/x86/fma.h>
#include <string.h>

#include "kernels/ref/ref.h"

typedef struct emulated_floats {
    float x[16];
} emulated_floats;

typedef struct emulated_ints {
    int32_t x[16];
} emulated_ints;

static inline emulated_floats emulated_floats_of(simde__m512 a) {
    emulated_floats out;
    memcpy(&out, &a, sizeof out);
    return out;
}

static inline simde__m512 emulated_vector(emulated_floats a) {
    simde__m512 out;
    memcpy(&out, &a, sizeof out);
    return out;
}

static inline simde__m512 emulated_maskz_loadu_ps(unsigned mask, const float *p) {
    emulated_floats out = {{0}};
    for (int i = 0; i < 16; i++) {
        if ((mask >> i & 1u) != 0) out.x[i] = p[i];
    }
    return emulated_vector(out);
}

static inline void emulated_mask_storeu_ps(float *p, unsigned mask, simde__m512 a) {
    const emulated_floats in = emulated_floats_of(a);
    for (int i = 0; i < 16; i++) {
        if ((mask >> i & 1u) != 0) p[i] = in.x[i];
    }
}

/* SIMDe's rounds the product. */
static inline simde__m512 emulated_fmadd_ps(simde__m512 a, simde__m512 b, simde__m512 c) {
    const emulated_floats x = emulated_floats_of(a);
    const emulated_floats y = emulated_floats_of(b);
    emulated_floats out = emulated_floats_of(c);
    for (int i = 0; i < 16; i++) out.x[i] = fmaf(x.x[i], y.x[i], out.x[i]);
    return emulated_vector(out);
}

static inline simde__m512i emulated_cvtps_epi32(simde__m512 a) {
    const emulated_floats in = emulated_floats_of(a);
    emulated_ints ints;
    for (int i = 0; i < 16; i++) ints.x[i] = (int32_t)nearbyintf(in.x[i]);
    simde__m512i out;
    memcpy(&out, &ints, sizeof out);
    return out;
}

static inline simde__m512 emulated_cvtepi32_ps(simde__m512i a) {
    emulated_ints in;
    emulated_floats out;
    memcpy(&in, &a, sizeof in);
    for (int i = 0; i < 16; i++) out.x[i] = (float)in.x[i];
    return emulated_vector(out);
}

static inline simde__m512i emulated_srai_epi32(simde__m512i a, unsigned n) {
    emulated_ints ints;
    memcpy(&ints, &a, sizeof ints);
    for (int i = 0; i < 16; i++) ints.x[i] >>= n;
    memcpy(&a, &ints, sizeof a);
    return a;
}

static inline simde__m512 emulated_cvtph_ps(simde__m256i a) {
    am_f16 halves[16];
    emulated_floats out;
    memcpy(halves, &a, sizeof halves);
    am_f16_to_f32__ref(out.x, halves, 16);
    return emulated_vector(out);
}

static inline simde__m256i emulated_cvtps_ph(simde__m512 a) {
    am_f16 halves[16];
    const emulated_floats in = emulated_floats_of(a);
    am_f32_to_f16__ref(halves, in.x, 16);
    simde__m256i out;
    memcpy(&out, halves, sizeof out);
    return out;
}

static inline float emulated_reduce_add_ps(simde__m512 a) {
    const emulated_floats in = emulated_floats_of(a);
    float sum = 0;
    for (int i = 0; i < 16; i++) sum += in.x[i];
    return sum;
}

static inline float emulated_reduce_max_ps(simde__m512 a) {
    const emulated_floats in = emulated_floats_of(a);
    float most = in.x[0];
    for (int i = 1; i < 16; i++) most = in.x[i] > most ? in.x[i] : most;
    return most;
}

static inline simde__m256 emulated_upper_half(simde__m512 a) {
    const emulated_floats in = emulated_floats_of(a);
    return simde_mm256_loadu_ps(in.x + 8);
}

/* Sums of products of `group` neighbours: 16-bit pairs, or unsigned times signed bytes in fours. */
static inline simde__m512i emulated_madd_epi16(simde__m512i a, simde__m512i b) {
    int16_t x[32];
    int16_t y[32];
    emulated_ints out;
    memcpy(x, &a, sizeof x);
    memcpy(y, &b, sizeof y);
    for (int i = 0; i < 16; i++) {
        out.x[i] = x[2 * i] * y[2 * i] + x[2 * i + 1] * y[2 * i + 1];
    }
    memcpy(&a, &out, sizeof a);
    return a;
}

static inline simde__m512i emulated_dpbusd(simde__m512i sum, simde__m512i a, simde__m512i b) {
    uint8_t x[64];
    int8_t y[64];
    emulated_ints out;
    memcpy(x, &a, sizeof x);
    memcpy(y, &b, sizeof y);
    memcpy(&out, &sum, sizeof out);
    for (int i = 0; i < 64; i++) out.x[i / 4] += x[i] * y[i];
    memcpy(&sum, &out, sizeof sum);
    return sum;
}

static inline simde__m256i emulated_narrow_epi16(simde__m512i a) {
    emulated_ints in;
    int16_t values[16];
    simde__m256i out;
    memcpy(&in, &a, sizeof in);
    for (int i = 0; i < 16; i++) values[i] = (int16_t)in.x[i];
    memcpy(&out, values, sizeof out);
    return out;
}

static inline simde__m128i emulated_narrow_epi8(simde__m512i a) {
    emulated_ints in;
    uint8_t values[16];
    simde__m128i out;
    memcpy(&in, &a, sizeof in);
    for (int i = 0; i < 16; i++) values[i] = (uint8_t)in.x[i];
    memcpy(&out, values, sizeof out);
    return out;
}

static inline simde__m512i emulated_widen_epi8(simde__m256i a) {
    int8_t in[32];
    int16_t values[32];
    simde__m512i out;
    memcpy(in, &a, sizeof in);
    for (int i = 0; i < 32; i++) values[i] = in[i];
    memcpy(&out, values, sizeof out);
    return out;
}

static inline simde__m512i emulated_widen_epu8(simde__m128i a) {
    uint8_t in[16];
    int32_t values[16];
    simde__m512i out;
    memcpy(in, &a, sizeof in);
    for (int i = 0; i < 16; i++) values[i] = in[i];
    memcpy(&out, values, sizeof out);
    return out;
}

#define AM_UNROLL /* kernels/simd/unroll.inc: nothing to unroll for */
#define AM_UNROLL_4
#define AM_INLINE static inline

#undef __mmask16
#undef _mm512_maskz_loadu_ps
#undef _mm512_mask_storeu_ps
#undef _mm512_cvtps_epi32
#undef _mm512_cvtepi32_ps
#undef _mm512_srai_epi32
#undef _mm512_cvtph_ps
#undef _mm512_cvtps_ph
#undef _mm512_reduce_add_ps
#undef _mm512_reduce_max_ps
#undef _mm512_extractf32x8_ps
#undef _mm512_fmadd_ps
#undef _mm512_madd_epi16
#undef _mm512_dpbusd_epi32
#undef _mm512_cvtepi32_epi16
#undef _mm512_cvtepi32_epi8
#undef _mm512_cvtepi8_epi16
#undef _mm512_cvtepu8_epi32
#undef _MM_FROUND_TO_NEAREST_INT
#undef _mm_prefetch
#undef _MM_HINT_T0
#define __mmask16 simde__mmask16
#define _mm512_maskz_loadu_ps(mask, p) emulated_maskz_loadu_ps(mask, p)
#define _mm512_mask_storeu_ps(p, mask, a) emulated_mask_storeu_ps(p, mask, a)
#define _mm512_cvtps_epi32(a) emulated_cvtps_epi32(a)
#define _mm512_cvtepi32_ps(a) emulated_cvtepi32_ps(a)
#define _mm512_srai_epi32(a, n) emulated_srai_epi32(a, n)
#define _mm512_cvtph_ps(a) emulated_cvtph_ps(a)
#define _mm512_cvtps_ph(a, rounding) emulated_cvtps_ph(a)
#define _mm512_reduce_add_ps(a) emulated_reduce_add_ps(a)
#define _mm512_reduce_max_ps(a) emulated_reduce_max_ps(a)
#define _mm512_extractf32x8_ps(a, index) emulated_upper_half(a)
#define _mm512_fmadd_ps(a, b, c) emulated_fmadd_ps(a, b, c)
#define _mm512_madd_epi16(a, b) emulated_madd_epi16(a, b)
#define _mm512_dpbusd_epi32(sum, a, b) emulated_dpbusd(sum, a, b)
#define _mm512_cvtepi32_epi16(a) emulated_narrow_epi16(a)
#define _mm512_cvtepi32_epi8(a) emulated_narrow_epi8(a)
#define _mm512_cvtepi8_epi16(a) emulated_widen_epi8(a)
#define _mm512_cvtepu8_epi32(a) emulated_widen_epu8(a)
#define _MM_FROUND_TO_NEAREST_INT 0
#define _MM_HINT_T0 3
#define _mm_prefetch(p, hint) __builtin_prefetch(p)

#endif
