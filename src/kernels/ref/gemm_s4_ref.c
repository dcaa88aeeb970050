/* Reference of gemm_s4.h, and the quantiser and packing for every format. */
#include "kernels/gemm_s4.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "kernels/quantize.h"
#include "kernels/ref/ref.h"

#define MULTIPLIER_MAX 15
#define SUMS 8 /* separate ones, for vectors: their order is the same in every build */

bool am__s4_fits(size_t k) {
    return k % AM_S4_GROUP == 0;
}

size_t am__s4_panel_bytes(const am_s8_format *format, size_t k) {
    return format->nr * (sizeof(int32_t) + k / AM_S4_GROUP + k / 2);
}

/* Codes of a group for the step `scale * m` and zero point z; the sum of squared errors. */
static float round_group(const float *w, float step, float z, float codes[AM_S4_GROUP]) {
    static const float rounder = 12582912; /* 1.5 * 2^23: leaves no bits behind the point */
    const float factor = 1 / step;
    float error[SUMS] = {0};
    for (size_t i = 0; i < AM_S4_GROUP; i += SUMS) {
        for (size_t j = 0; j < SUMS; j++) {
            float code = w[i + j] * factor + z;
            code = code > 0 ? code : 0;
            code = (code < 15 ? code : 15) + rounder - rounder;
            const float off = w[i + j] - (code - z) * step;
            codes[i + j] = code;
            error[j] += off * off;
        }
    }
    return ((error[0] + error[4]) + (error[1] + error[5])) +
           ((error[2] + error[6]) + (error[3] + error[7]));
}

typedef struct choice {
    float error;
    int multiplier, zero;
    float codes[AM_S4_GROUP];
} choice;

static void consider(const float *w, float scale, int multiplier, int zero, choice *best) {
    float codes[AM_S4_GROUP];
    const int reach = zero > 15 - zero ? zero : 15 - zero;
    if (multiplier < 1 || multiplier > MULTIPLIER_MAX || multiplier * reach > 127) return;
    const float error = round_group(w, scale * (float)multiplier, (float)zero, codes);
    if (error >= best->error) return;
    best->error = error;
    best->multiplier = multiplier;
    best->zero = zero;
    memcpy(best->codes, codes, sizeof codes);
}

typedef struct extremes {
    float low, high; /* low <= 0 <= high */
} extremes;

static extremes extremes_of(const float *w) {
    extremes out = {0, 0};
    for (size_t i = 0; i < AM_S4_GROUP; i++) {
        out.low = w[i] < out.low ? w[i] : out.low;
        out.high = w[i] > out.high ? w[i] : out.high;
    }
    return out;
}

static float magnitude(extremes e) {
    return -e.low > e.high ? -e.low : e.high;
}

/*
 * The least error is at a step somewhat smaller than what reaches the extremes: tried are the
 * multipliers from there down, with the zero that gives the longer side the eighth code, and the
 * two that cover just low … high.
 */
static void choose_group(const float *w, float scale, choice *best) {
    const extremes e = extremes_of(w);
    const int zero = -e.low > e.high ? 8 : 7;
    const int reaching = (int)ceilf(magnitude(e) / (8 * scale));
    *best = (choice){.error = INFINITY, .multiplier = 1, .zero = zero};
    for (size_t i = 0; i < AM_S4_GROUP; i++) best->codes[i] = (float)zero; /* of nothing */
    for (int less = 0; less < 4; less++) consider(w, scale, reaching - less, zero, best);
    const int covering = (int)ceilf((e.high - e.low) / (15 * scale));
    for (int less = 0; less < 2 && covering - less > 0; less++) {
        const int m = covering - less;
        const int shifted = (int)(-e.low / (scale * (float)m) + 0.5f);
        if (shifted <= 15) consider(w, scale, m, shifted, best);
    }
}

float am__s4_quantize_row(const float *w, size_t k, uint8_t *codes, uint8_t *groups) {
    float most = 0;
    double products = 0, squares = 0; /* of weights with their integers, and of those */
    for (size_t i = 0; i < k; i++) most = fabsf(w[i]) > most ? fabsf(w[i]) : most;
    if (!(most >= AM_QUANTIZE_LEAST && most <= FLT_MAX)) {
        memset(codes, 0, k);
        memset(groups, 0, k / AM_S4_GROUP);
        return 0;
    }
    const float scale = most / (8 * MULTIPLIER_MAX);
    for (size_t g = 0; g < k / AM_S4_GROUP; g++) {
        const float *in = w + g * AM_S4_GROUP;
        choice best;
        choose_group(in, scale, &best);
        groups[g] = (uint8_t)(best.multiplier | best.zero << 4);
        float product = 0, square = 0;
        for (size_t i = 0; i < AM_S4_GROUP; i++) {
            const float value = (float)best.multiplier * (best.codes[i] - (float)best.zero);
            codes[g * AM_S4_GROUP + i] = (uint8_t)best.codes[i];
            product += in[i] * value;
            square += value * value;
        }
        products += product;
        squares += square;
    }
    return squares > 0 && products > 0 ? (float)(products / squares) : scale;
}

/* Where byte `at` of a group in the 8-bit panel has its code: the byte, and how far above. */
static size_t code_place(size_t nr, size_t at, unsigned *shift) {
    const size_t half = nr * AM_S4_GROUP / 2;
    *shift = at < half ? 0 : 4;
    return at < half ? at : at - half;
}

/* Where input l of column j lies among a group's bytes. */
static size_t byte_of(const am_s8_format *format, size_t l, size_t j) {
    return (l / format->group * format->nr + j) * format->group + l % format->group;
}

void am__s4_pack(const am_s8_format *format, const uint8_t *codes, const uint8_t *groups, size_t n,
                 size_t k, void *panel) {
    const size_t nr = format->nr;
    const size_t n_groups = k / AM_S4_GROUP;
    int32_t *start = panel;
    uint8_t *out_groups = (uint8_t *)(start + nr);
    uint8_t *out_codes = out_groups + n_groups * nr;
    memset(panel, 0, am__s4_panel_bytes(format, k));
    for (size_t j = 0; j < n; j++, codes += k, groups += n_groups) {
        int32_t sum = 0;
        for (size_t g = 0; g < n_groups; g++) {
            uint8_t *out = out_codes + g * nr * AM_S4_GROUP / 2;
            out_groups[g * nr + j] = groups[g];
            for (size_t l = 0; l < AM_S4_GROUP; l++) {
                const uint8_t code = codes[g * AM_S4_GROUP + l];
                unsigned shift;
                const size_t at = code_place(nr, byte_of(format, l, j), &shift);
                out[at] = (uint8_t)(out[at] | code << shift);
                sum += am__s4_weight(code, groups[g]);
            }
        }
        start[j] = -format->offset * sum;
    }
}

uint8_t am__s4_code(const am_s8_format *format, const void *panel, size_t j, size_t k, size_t l,
                    uint8_t *group) {
    const size_t nr = format->nr;
    const size_t g = l / AM_S4_GROUP;
    const uint8_t *groups = (const uint8_t *)panel + nr * sizeof(int32_t);
    const uint8_t *codes = groups + k / AM_S4_GROUP * nr + g * nr * AM_S4_GROUP / 2;
    unsigned shift;
    const size_t at = code_place(nr, byte_of(format, l % AM_S4_GROUP, j), &shift);
    *group = groups[g * nr + j];
    return codes[at] >> shift & 15;
}

void am__s4_unpack_column(const am_s8_format *format, const void *panel, size_t j, size_t k,
                          uint8_t *codes, uint8_t *groups) {
    for (size_t l = 0; l < k; l++) {
        codes[l] = am__s4_code(format, panel, j, k, l, &groups[l / AM_S4_GROUP]);
    }
}

void am_expand_s4__ref(size_t k, const void *panel, void *expanded) {
    const am_s8_format *format = &am__kernels_ref.s8.format;
    const size_t group_bytes = AM_REF_NR * AM_S4_GROUP;
    const uint8_t *groups = (const uint8_t *)panel + AM_REF_NR * sizeof(int32_t);
    const uint8_t *codes = groups + k / AM_S4_GROUP * AM_REF_NR;
    int8_t *out = (int8_t *)expanded + AM_REF_NR * sizeof(int32_t);
    memcpy(expanded, panel, AM_REF_NR * sizeof(int32_t));
    for (size_t g = 0; g < k / AM_S4_GROUP; g++, groups += AM_REF_NR, codes += group_bytes / 2) {
        for (size_t i = 0; i < group_bytes; i++) {
            unsigned shift;
            const size_t at = code_place(AM_REF_NR, i, &shift);
            const size_t j = i / format->group % AM_REF_NR;
            out[g * group_bytes + i] = am__s4_weight(codes[at] >> shift & 15, groups[j]);
        }
    }
}
