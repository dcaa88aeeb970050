/* Reference of softmax_u8.h, operation by operation. */
#include <math.h>
#include <string.h>

#include "kernels/ref/ref.h"

static int16_t power(float s, float scale, float offset, float dither) {
    static const float c[] = AM_EXP2_U8;
    const int32_t u = (int32_t)rintf(fmaxf(fmaf(s, scale, offset), 0));
    const float m = 1 + (float)(u % (int32_t)AM_EXP2_ONE) / AM_EXP2_ONE;
    const float y = fmaf(fmaf(fmaf(c[0], m, c[1]), m, c[2]), m, c[3]);
    float power; /* 2^floor(x) * m */
    memcpy(&power, &u, sizeof power);
    return (int16_t)rintf(fmaf(y, power, dither));
}

/* Panels of pairs, values of 16 bits, as am_gemm_s8__ref's. */
void am_scores_s8__ref(size_t m, size_t n, const void *q, size_t ldq, const void *panels,
                       const float *key_scale, float *scores, size_t lds) {
    const char *panel = panels;
    for (size_t t = 0; t < n; t += AM_REF_NR) {
        const int32_t *start = (const int32_t *)(const void *)panel;
        const int8_t *keys = (const int8_t *)(start + AM_REF_NR);
        for (size_t r = 0; r < m; r++) {
            const int16_t *row = (const int16_t *)(const void *)((const char *)q + r * ldq);
            for (size_t j = 0; j < AM_REF_NR; j++) {
                int32_t sum = start[j];
                for (size_t i = 0; i < AM_HEAD_DIM; i++) {
                    sum += row[i] * keys[(i / 2 * AM_REF_NR + j) * 2 + i % 2];
                }
                scores[r * lds + t + j] = (float)sum * key_scale[t + j];
            }
        }
        panel += AM_REF_NR * (sizeof *start + AM_HEAD_DIM);
    }
}

void am_softmax_u8__ref(size_t n_rows, size_t n, const float *scores, size_t lds,
                        const float *row_scale, void *p, size_t ldp, float *scales) {
    for (size_t r = 0; r < n_rows; r++, scores += lds) {
        int16_t *out = (int16_t *)(void *)((char *)p + r * ldp);
        float most = -INFINITY;
        for (size_t i = 0; i < n; i++) most = fmaxf(scores[i], most);
        const float scale = row_scale[r] * AM_EXP2_ONE;
        const float offset = fmaf(-most, scale, 127 * AM_EXP2_ONE);
        int32_t sum = 0;
        for (size_t i = 0; i < n; i++) {
            out[i] = power(scores[i], scale, offset, AM_DITHER(i));
            sum += out[i];
        }
        for (size_t i = n; i < ((n + 3) & ~(size_t)3); i++) out[i] = 0;
        scales[r] = 1 / (float)sum;
    }
}
