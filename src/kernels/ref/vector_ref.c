/* Reference of vector_f32.h, attn_f32.h and fft_f32.h: plain loops in double. */
#include <math.h>
#include <string.h>

#include "kernels/ref/ref.h"

void am_layernorm_f32__ref(float *y, const float *x, const float *gamma, const float *beta,
                           size_t n) {
    double mean = 0;
    double variance = 0;
    for (size_t i = 0; i < n; i++) mean += (double)x[i];
    mean /= (double)n;
    for (size_t i = 0; i < n; i++) variance += ((double)x[i] - mean) * ((double)x[i] - mean);
    const double scale = 1 / sqrt(variance / (double)n + 1e-5);
    for (size_t i = 0; i < n; i++) {
        y[i] = (float)(((double)x[i] - mean) * scale * (double)gamma[i] + (double)beta[i]);
    }
}

static float maximum(const float *x, size_t n) {
    float most = -INFINITY;
    for (size_t i = 0; i < n; i++) most = x[i] > most ? x[i] : most;
    return most;
}

void am_softmax_f32__ref(float *x, size_t n) {
    const double most = (double)maximum(x, n);
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += exp((double)x[i] - most);
    for (size_t i = 0; i < n; i++) x[i] = (float)(exp((double)x[i] - most) / sum);
}

float am_logsumexp_f32__ref(const float *x, size_t n) {
    const float most = maximum(x, n);
    if (most == -INFINITY) return -INFINITY;
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += exp((double)x[i] - (double)most);
    return (float)((double)most + log(sum));
}

size_t am_argmax_f32__ref(const float *x, size_t n) {
    size_t best = 0;
    for (size_t i = 1; i < n; i++) {
        if (x[i] > x[best]) best = i;
    }
    return best;
}

size_t am_top_f32__ref(const float *x, size_t n, size_t k, float *values, int32_t *indices) {
    size_t n_found = 0;
    for (; n_found < k; n_found++) { /* the first of the greatest that come after the last found */
        size_t best = n;
        for (size_t i = 0; i < n; i++) {
            const bool later = n_found == 0 || x[i] < values[n_found - 1] ||
                               (x[i] == values[n_found - 1] && (int32_t)i > indices[n_found - 1]);
            if (later && x[i] > (best < n ? x[best] : -INFINITY)) best = i;
        }
        if (best == n) break;
        values[n_found] = x[best];
        indices[n_found] = (int32_t)best;
    }
    return n_found;
}

void am_gelu_f32__ref(float *y, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const double value = (double)x[i];
        y[i] = (float)(0.5 * value * (1 + erf(value * 0.7071067811865476)));
    }
}

void am_add_f32__ref(float *y, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] += x[i];
}

size_t am__rotation(size_t n) {
    const size_t power = (n & (~n + 1)) / AM_ROTATION_STRIDE; /* the lowest bit of n */
    return power < 1 ? 1 : (power > AM_ROTATION_MAX ? AM_ROTATION_MAX : power);
}

void am_rotate_f32__ref(float *y, const float *x, size_t n) {
    const size_t end = am__rotation(n) * AM_ROTATION_STRIDE;
    if (y != x) memcpy(y, x, n * sizeof *x);
    for (size_t h = AM_ROTATION_STRIDE; h < end; h *= 2) {
        for (size_t i = 0; i < n; i++) {
            if (i / h % 2 != 0) continue; /* blocks are whole multiples of 2 h */
            const float a = y[i];
            const float b = y[i + h];
            y[i] = a + b;
            y[i + h] = a - b;
        }
    }
}

void am_log10_f32__ref(float *y, const float *x, size_t n, float least) {
    for (size_t i = 0; i < n; i++) y[i] = (float)log10((double)(x[i] > least ? x[i] : least));
}

void am_f16_to_f32__ref(float *y, const am_f16 *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const int exponent = (x[i] >> 10) & 31;
        const int mantissa = x[i] & 1023;
        double value = exponent == 0 ? ldexp(mantissa, -24) : ldexp(1024 + mantissa, exponent - 25);
        if (exponent == 31) value = mantissa == 0 ? (double)INFINITY : (double)NAN;
        y[i] = (float)((x[i] & 0x8000) != 0 ? -value : value);
    }
}

/* Rounds to nearest even on the bits; overflow becomes infinity, as the standard has it. */
static am_f16 to_f16(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint32_t sign = (bits >> 16) & 0x8000u;
    const uint32_t size = bits & 0x7fffffffu;
    if (size > 0x7f800000u) return (am_f16)(sign | 0x7e00u | ((size >> 13) & 0x3ffu)); /* NaN */
    if (size >= 0x477ff000u) return (am_f16)(sign | 0x7c00u); /* 65520 and above */
    if (size < 0x38800000u) { /* below 2^-14: a multiple of 2^-24 */
        const double steps = rint(fabs((double)value) * 0x1p24);
        return (am_f16)(sign | (uint32_t)steps);
    }
    const uint32_t rounded = size + 0xfffu + ((size >> 13) & 1u);
    return (am_f16)(sign | ((rounded - 0x38000000u) >> 13));
}

void am_f32_to_f16__ref(am_f16 *y, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = to_f16(x[i]);
}

static size_t row_of(const int32_t *rows, size_t p) {
    return rows != NULL ? (size_t)rows[p] : p;
}

void am_attn_scores_f32__ref(const float *q, const float *k, size_t stride, const int32_t *rows,
                             size_t n, float scale, float *scores) {
    for (size_t p = 0; p < n; p++) {
        const float *key = k + row_of(rows, p) * stride;
        double sum = 0;
        for (size_t i = 0; i < AM_HEAD_DIM; i++) sum += (double)q[i] * (double)key[i];
        scores[p] = (float)(sum * (double)scale);
    }
}

void am_attn_mix_f32__ref(const float *weights, const float *v, size_t stride, const int32_t *rows,
                          size_t n, float *out) {
    double sum[AM_HEAD_DIM] = {0};
    for (size_t p = 0; p < n; p++) {
        const float *value = v + row_of(rows, p) * stride;
        for (size_t i = 0; i < AM_HEAD_DIM; i++) sum[i] += (double)weights[p] * (double)value[i];
    }
    for (size_t i = 0; i < AM_HEAD_DIM; i++) out[i] = (float)sum[i];
}

void am_attn_scores_f16__ref(const float *q, const am_f16 *k, size_t stride, const int32_t *rows,
                             size_t n, float scale, float *scores) {
    for (size_t p = 0; p < n; p++) {
        float key[AM_HEAD_DIM];
        am_f16_to_f32__ref(key, k + row_of(rows, p) * stride, AM_HEAD_DIM);
        am_attn_scores_f32__ref(q, key, AM_HEAD_DIM, NULL, 1, scale, scores + p);
    }
}

void am_attn_mix_f16__ref(const float *weights, const am_f16 *v, size_t stride,
                          const int32_t *rows, size_t n, float *out) {
    double sum[AM_HEAD_DIM] = {0};
    for (size_t p = 0; p < n; p++) {
        float value[AM_HEAD_DIM];
        am_f16_to_f32__ref(value, v + row_of(rows, p) * stride, AM_HEAD_DIM);
        for (size_t i = 0; i < AM_HEAD_DIM; i++) sum[i] += (double)weights[p] * (double)value[i];
    }
    for (size_t i = 0; i < AM_HEAD_DIM; i++) out[i] = (float)sum[i];
}

void am_fft_power__ref(const float *samples, size_t hop, size_t n_frames, const float *window,
                       float *power, size_t stride) {
    double cosine[AM_FFT_SIZE];
    double sine[AM_FFT_SIZE];
    for (size_t i = 0; i < AM_FFT_SIZE; i++) {
        const double angle = 6.283185307179586 * (double)i / AM_FFT_SIZE;
        cosine[i] = cos(angle);
        sine[i] = sin(angle);
    }
    for (size_t f = 0; f < n_frames; f++) {
        const float *frame = samples + f * hop;
        for (size_t bin = 0; bin < AM_FFT_BINS; bin++) {
            double re = 0;
            double im = 0;
            for (size_t i = 0; i < AM_FFT_SIZE; i++) {
                const double x = (double)(frame[i] * window[i]);
                re += x * cosine[bin * i % AM_FFT_SIZE];
                im += x * sine[bin * i % AM_FFT_SIZE];
            }
            power[f * stride + bin] = (float)(re * re + im * im);
        }
    }
}

const am_kernels am__kernels_ref = {
    .isa = "ref",
    .gemm = {AM_REF_MR, AM_REF_NR, am_gemm_f32__ref, am_gemm_f16__ref},
    .s8 = {{AM_REF_MR, AM_REF_NR, 2, sizeof(int16_t), 0, 0},
           am_quantize__ref, am_gemm_s8__ref, NULL, NULL,
           am_scores_s8__ref, am_softmax_u8__ref},
    .expand_s4 = am_expand_s4__ref,
    .attn_s8 = {am_attn_pack_keys__ref, am_attn_pack_values__ref, am_attn_weights__ref},
    .layernorm_f32 = am_layernorm_f32__ref,
    .softmax_f32 = am_softmax_f32__ref,
    .logsumexp_f32 = am_logsumexp_f32__ref,
    .argmax_f32 = am_argmax_f32__ref,
    .top_f32 = am_top_f32__ref,
    .gelu_f32 = am_gelu_f32__ref,
    .add_f32 = am_add_f32__ref,
    .rotate_f32 = am_rotate_f32__ref,
    .f16_to_f32 = am_f16_to_f32__ref,
    .f32_to_f16 = am_f32_to_f16__ref,
    .log10_f32 = am_log10_f32__ref,
    .attn_scores_f32 = am_attn_scores_f32__ref,
    .attn_mix_f32 = am_attn_mix_f32__ref,
    .attn_scores_f16 = am_attn_scores_f16__ref,
    .attn_mix_f16 = am_attn_mix_f16__ref,
    .fft_power = am_fft_power__ref,
    .peak = {am_peak_f32__ref, am_peak_s8__ref, am_peak_read__ref},
};
