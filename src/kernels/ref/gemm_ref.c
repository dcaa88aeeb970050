/* Reference of gemm_f32.h: plain loops in double. */
#include <string.h>

#include "kernels/ref/ref.h"

static void tile(size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b,
                 const am_f16 *b16, float *c, size_t ldc, const float *init, bool accumulate) {
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            double sum = 0;
            for (size_t l = 0; l < k; l++) {
                float value;
                if (b16 != NULL) {
                    am_f16_to_f32__ref(&value, &b16[l * AM_REF_NR + j], 1);
                } else {
                    value = b[l * AM_REF_NR + j];
                }
                sum += (double)a[i * lda + l] * (double)value;
            }
            if (init != NULL) sum += (double)init[j];
            if (accumulate) sum += (double)c[i * ldc + j];
            c[i * ldc + j] = (float)sum;
        }
    }
}

void am_gemm_f32__ref(size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b,
                      float *c, size_t ldc, const float *init, bool accumulate) {
    tile(m, n, k, a, lda, b, NULL, c, ldc, init, accumulate);
}

void am_gemm_f16__ref(size_t m, size_t n, size_t k, const float *a, size_t lda, const am_f16 *b,
                      float *c, size_t ldc, const float *init, bool accumulate) {
    tile(m, n, k, a, lda, NULL, b, c, ldc, init, accumulate);
}

void am__gemm_pack_f32(const float *w, size_t n, size_t k, size_t nr, float *panels) {
    for (size_t j0 = 0; j0 < n; j0 += nr) {
        const size_t width = n - j0 < nr ? n - j0 : nr;
        for (size_t l = 0; l < k; l++, panels += nr) {
            for (size_t j = 0; j < width; j++) panels[j] = w[(j0 + j) * k + l];
            memset(panels + width, 0, (nr - width) * sizeof *panels);
        }
    }
}
