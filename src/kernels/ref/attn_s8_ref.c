/* Reference of attn_s8.h. */
#include <math.h>
#include <string.h>

#include "kernels/ref/ref.h"

static void mean_of(const float *x, size_t ldx, size_t n, float *mean) {
    const float share = 1 / (float)n;
    for (size_t i = 0; i < AM_HEAD_DIM; i++) {
        float sum = 0;
        for (size_t t = 0; t < n; t++) sum += x[t * ldx + i];
        mean[i] = sum * share;
    }
}

static void centre(const float *x, const float *mean, float *out) {
    for (size_t i = 0; i < AM_HEAD_DIM; i++) out[i] = x[i] - mean[i];
}

void am_attn_pack_keys__ref(const float *x, size_t ldx, size_t n, void *panels, float *scales) {
    const am_s8_format *format = &am__kernels_ref.s8.format;
    float mean[AM_HEAD_DIM];
    mean_of(x, ldx, n, mean);
    for (size_t first = 0; first < n; first += AM_REF_NR) {
        const size_t width = n - first < AM_REF_NR ? n - first : AM_REF_NR;
        int8_t values[AM_REF_NR * AM_HEAD_DIM];
        for (size_t j = 0; j < AM_REF_NR; j++) {
            float row[AM_HEAD_DIM] = {0};
            if (j < width) centre(x + (first + j) * ldx, mean, row);
            scales[first + j] = am__quantize_row(row, AM_HEAD_DIM, values + j * AM_HEAD_DIM);
        }
        am__s8_pack(format, values, width, AM_HEAD_DIM, panels);
        panels = (char *)panels + am__s8_panel_bytes(format, AM_HEAD_DIM);
    }
}

void am_attn_pack_values__ref(const float *x, size_t ldx, size_t n, void *panels, float *scales,
                              float *means) {
    const am_s8_format *format = &am__kernels_ref.s8.format;
    const size_t panel_bytes = am__s8_panel_bytes(format, n);
    mean_of(x, ldx, n, means);
    memset(panels, 0, AM_HEAD_DIM / AM_REF_NR * panel_bytes);
    for (size_t i = 0; i < AM_HEAD_DIM; i++) {
        float most = x[i];
        float least = x[i];
        for (size_t t = 0; t < n; t++) {
            most = x[t * ldx + i] > most ? x[t * ldx + i] : most;
            least = x[t * ldx + i] < least ? x[t * ldx + i] : least;
        }
        const float size = most - means[i] > means[i] - least ? most - means[i] : means[i] - least;
        const bool nothing = size < AM_QUANTIZE_LEAST;
        const float factor = nothing ? 0 : 127 / size;
        int8_t *column = (int8_t *)panels + i / AM_REF_NR * panel_bytes +
                         AM_REF_NR * sizeof(int32_t) + i % AM_REF_NR * 2;
        for (size_t t = 0; t < n; t++) {
            column[t / 2 * 2 * AM_REF_NR + t % 2] =
                (int8_t)lrintf((x[t * ldx + i] - means[i]) * factor);
        }
        scales[i] = nothing ? 0 : size / 127;
    }
}

uint32_t am_attn_weights__ref(const float *scores, size_t n, void *high, void *low) {
    int16_t *upper = high;
    int16_t *lower = low;
    uint32_t sum = 0;
    float most = scores[0];
    for (size_t i = 1; i < n; i++) most = scores[i] > most ? scores[i] : most;
    for (size_t i = 0; i < ((n + 3) & ~(size_t)3); i++) {
        const double w = i < n ? rint(65535 * exp((double)scores[i] - (double)most)) : 0;
        upper[i] = (int16_t)((uint32_t)w / 256);
        lower[i] = (int16_t)((uint32_t)w % 256);
        sum += (uint32_t)w;
    }
    return sum;
}
