/* Reference of gemm_s8.h and quantize.h, and the packing for every format. */
#include <math.h>
#include <string.h>

#include "kernels/ref/ref.h"

static size_t padded(size_t k) {
    return (k + 3) & ~(size_t)3;
}

size_t am__s8_row_bytes(const am_s8_format *format, size_t k) {
    return ((padded(k) * format->value_bytes + 63) & ~(size_t)63) | 64;
}

size_t am__s8_panel_bytes(const am_s8_format *format, size_t k) {
    return format->nr * (sizeof(int32_t) + padded(k));
}

size_t am__s8_wide_bytes(const am_s8_format *format, size_t k) {
    return format->nr * (sizeof(int32_t) + padded(k) * sizeof(int16_t));
}

/* Row w [k] into column j of a panel's values: whole groups, then the rest. */
static void pack_row(const am_s8_format *format, const int8_t *w, size_t k, size_t j,
                     int8_t *values) {
    const size_t group = format->group;
    int8_t *out = values + j * group;
    size_t l = 0;
    for (; l + group <= k; l += group, out += format->nr * group) {
        if (group == 4) {
            memcpy(out, w + l, 4);
        } else {
            memcpy(out, w + l, 2);
        }
    }
    memcpy(out, w + l, k - l);
}

void am__s8_pack(const am_s8_format *format, const int8_t *w, size_t n, size_t k, void *panel) {
    const size_t nr = format->nr;
    int32_t *start = panel;
    int8_t *values = (int8_t *)(start + nr);
    if (n < nr || k % 4 != 0) memset(panel, 0, am__s8_panel_bytes(format, k));
    for (size_t j = 0; j < n; j++, w += k) {
        int32_t sum = 0;
        for (size_t l = 0; l < k; l++) sum += w[l];
        start[j] = -format->offset * sum;
        pack_row(format, w, k, j, values);
    }
}

void am__s8_unpack_column(const am_s8_format *format, const void *panel, size_t j, size_t k,
                          int8_t *w) {
    const size_t group = format->group;
    const int8_t *in = (const int8_t *)panel + format->nr * sizeof(int32_t) + j * group;
    size_t l = 0;
    for (; l + group <= k; l += group, in += format->nr * group) {
        if (group == 4) {
            memcpy(w + l, in, 4);
        } else {
            memcpy(w + l, in, 2);
        }
    }
    memcpy(w + l, in, k - l);
}

const am_s8_format am__s8_stored = {.nr = 32, .group = 4, .value_bytes = 1, .offset = 128};

bool am__s8_is_stored(const am_s8_format *format) {
    return format->nr == am__s8_stored.nr && format->group == am__s8_stored.group &&
           format->value_bytes == am__s8_stored.value_bytes &&
           format->offset == am__s8_stored.offset;
}

/* Adding this leaves a float of less than 2^22 no bits behind the point: rounded to even. */
static const float rounder = 12582912; /* 1.5 * 2^23 */

/* The scale of a row; *factor is its inverse. */
static float row_scale(const float *x, size_t n, float *factor) {
    float most = 0;
    for (size_t i = 0; i < n; i++) most = fabsf(x[i]) > most ? fabsf(x[i]) : most;
    const bool nothing = most < AM_QUANTIZE_LEAST;
    *factor = nothing ? 0 : 127 / most;
    return nothing ? 0 : most / 127;
}

float am__quantize_row(const float *x, size_t n, int8_t *q) {
    float factor;
    const float scale = row_scale(x, n, &factor);
    for (size_t i = 0; i < n; i++) q[i] = (int8_t)(x[i] * factor + rounder - rounder);
    return scale;
}

void am_quantize__ref(size_t n_rows, size_t n, const float *x, size_t ldx, void *q, size_t ldq,
                      float *scales) {
    for (size_t r = 0; r < n_rows; r++, x += ldx) {
        float factor;
        int16_t *out = (int16_t *)(void *)((char *)q + r * ldq);
        scales[r] = row_scale(x, n, &factor);
        for (size_t i = 0; i < n; i++) out[i] = (int16_t)(x[i] * factor + rounder - rounder);
        for (size_t i = n; i < padded(n); i++) out[i] = 0;
    }
}

/* Panels of pairs, values of 16 bits. */
void am_gemm_s8__ref(size_t m, size_t n, size_t k, const void *a, size_t lda, const void *panel,
                     const am_s8_out *out) {
    const int32_t *start = panel;
    const int8_t *b = (const int8_t *)(start + AM_REF_NR);
    for (size_t i = 0; i < m; i++) {
        const int16_t *row = (const int16_t *)(const void *)((const char *)a + i * lda);
        for (size_t j = 0; j < n; j++) {
            int32_t sum = start[j];
            for (size_t l = 0; l < k; l++) sum += row[l] * b[(l / 2 * AM_REF_NR + j) * 2 + l % 2];
            const float scale = out->row_scale[i] * out->column_scale[j];
            float *y = out->y + i * out->ldy + j;
            const float value = fmaf((float)sum, scale, out->bias[j]);
            *y = out->accumulate ? *y + value : value;
        }
    }
}
