/* Reference of softmax_u8.h, operation by operation. */
#include <math.h>

#include "kernels/ref/ref.h"

static int16_t power(float s, float most, float dither) {
    static const float c[] = AM_EXP2_U8;
    const float x = fmaxf(s - most, AM_EXP2_LEAST);
    const float whole = rintf(x);
    const float f = x - whole;
    const float y = fmaf(fmaf(fmaf(c[0], f, c[1]), f, c[2]), f, c[3]);
    return (int16_t)rintf(ldexpf(y, (int)whole) + dither);
}

void am_softmax_u8__ref(size_t n_rows, size_t n, const float *scores, size_t lds, void *p,
                        size_t ldp, float *scales) {
    for (size_t r = 0; r < n_rows; r++, scores += lds) {
        int16_t *out = (int16_t *)(void *)((char *)p + r * ldp);
        float most = -INFINITY;
        for (size_t i = 0; i < n; i++) most = fmaxf(scores[i], most);
        int32_t sum = 0;
        for (size_t i = 0; i < n; i++) {
            out[i] = power(scores[i], most, AM_DITHER(i));
            sum += out[i];
        }
        for (size_t i = n; i < ((n + 3) & ~(size_t)3); i++) out[i] = 0;
        scales[r] = 1 / (float)sum;
    }
}
