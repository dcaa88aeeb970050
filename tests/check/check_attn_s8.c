/*
 * attn_s8.h: packed keys and values equal to the contract's arithmetic and am__s8_pack, weights
 * within their step; and the whole of it, through the tiles, against attention in double.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static const size_t counts[] = {1, 2, 3, 4, 5, 15, 16, 17, 31, 32, 33, 64, 97, 130};
#define N_COUNTS (sizeof counts / sizeof *counts)
#define N_MAX 130

static size_t round_up(size_t n, size_t to) {
    return (n + to - 1) / to * to;
}

static void mean_of(const float *x, size_t ldx, size_t n, float *mean) {
    const float share = 1 / (float)n;
    for (size_t i = 0; i < AM_HEAD_DIM; i++) {
        float sum = 0;
        for (size_t t = 0; t < n; t++) sum += x[t * ldx + i];
        mean[i] = sum * share;
    }
}

/* What differs between two blocks of memory, or -1. */
static ptrdiff_t difference(const void *a, const void *b, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (((const char *)a)[i] != ((const char *)b)[i]) return (ptrdiff_t)i;
    }
    return -1;
}

static void check_keys_of(check *c, size_t n, size_t ldx, fill_kind fill) {
    const am_s8_format *format = &c->kernels->s8.format;
    const size_t nr = format->nr;
    const size_t n_panels = (n + nr - 1) / nr;
    const size_t panel_bytes = am__s8_panel_bytes(format, AM_HEAD_DIM);
    check_case(c, "keys n=%zu ldx=%zu %s", n, ldx, check_fill_name(fill));
    float *x = check_floats(c, (n - 1) * ldx + AM_HEAD_DIM);
    check_fill(c, x, (n - 1) * ldx + AM_HEAD_DIM, fill);
    char *panels = check_out(c, 1, n_panels * panel_bytes, n_panels * panel_bytes, 1);
    float *scales = check_out(c, 1, n_panels * nr, n_panels * nr, sizeof *scales);
    char *want = check_bytes(c, panel_bytes);
    float mean[AM_HEAD_DIM];
    mean_of(x, ldx, n, mean);
    c->kernels->attn_s8.pack_keys(x, ldx, n, panels, scales);
    for (size_t p = 0; p < n_panels; p++) {
        int8_t values[64 * AM_HEAD_DIM] = {0};
        for (size_t j = 0; j < nr; j++) {
            float row[AM_HEAD_DIM] = {0};
            const size_t t = p * nr + j;
            for (size_t i = 0; t < n && i < AM_HEAD_DIM; i++) row[i] = x[t * ldx + i] - mean[i];
            const float scale = am__quantize_row(row, AM_HEAD_DIM, values + j * AM_HEAD_DIM);
            check_near(c, (double)scales[t], (double)scale, 0, t);
        }
        am__s8_pack(format, values, nr, AM_HEAD_DIM, want);
        check_near(c, (double)difference(panels + p * panel_bytes, want, panel_bytes), -1, 0, p);
    }
}

static void check_keys(check *c) {
    for (size_t i = 0; i < N_COUNTS; i++) {
        check_keys_of(c, counts[i], i % 2 == 0 ? AM_HEAD_DIM : 131, FILL_UNIFORM);
    }
    for (fill_kind fill = 0; fill < FILL_KINDS; fill++) check_keys_of(c, 37, 65, fill);
}

static void check_values_of(check *c, size_t n, size_t ldx, fill_kind fill) {
    const am_s8_format *format = &c->kernels->s8.format;
    const size_t nr = format->nr;
    const am_s8_format unsigned_rows = check_unsigned(format);
    const size_t panel_bytes = am__s8_panel_bytes(format, n);
    const size_t n_bytes = AM_HEAD_DIM / nr * panel_bytes;
    check_case(c, "values n=%zu ldx=%zu %s", n, ldx, check_fill_name(fill));
    float *x = check_floats(c, (n - 1) * ldx + AM_HEAD_DIM);
    check_fill(c, x, (n - 1) * ldx + AM_HEAD_DIM, fill);
    char *panels = check_out(c, 1, n_bytes, n_bytes, 1);
    float *scales = check_out(c, 1, AM_HEAD_DIM, AM_HEAD_DIM, sizeof *scales);
    float *means = check_out(c, 1, AM_HEAD_DIM, AM_HEAD_DIM, sizeof *means);
    char *want = check_bytes(c, panel_bytes);
    float mean[AM_HEAD_DIM];
    mean_of(x, ldx, n, mean);
    c->kernels->attn_s8.pack_values(x, ldx, n, panels, scales, means);
    for (size_t first = 0; first < AM_HEAD_DIM; first += nr) {
        int8_t values[64 * N_MAX];
        for (size_t j = 0; j < nr; j++) {
            float column[N_MAX];
            const size_t i = first + j;
            for (size_t t = 0; t < n; t++) column[t] = x[t * ldx + i] - mean[i];
            const float scale = am__quantize_row(column, n, values + j * n);
            check_near(c, (double)scales[i], (double)scale, 0, i);
            check_near(c, (double)means[i], (double)mean[i], 0, i);
        }
        am__s8_pack(&unsigned_rows, values, nr, n, want);
        const char *got = panels + first / nr * panel_bytes;
        check_near(c, (double)difference(got, want, panel_bytes), -1, 0, first);
    }
}

static void check_values(check *c) {
    for (size_t i = 0; i < N_COUNTS; i++) {
        check_values_of(c, counts[i], i % 2 == 0 ? AM_HEAD_DIM : 131, FILL_UNIFORM);
    }
    for (fill_kind fill = 0; fill < FILL_KINDS; fill++) check_values_of(c, 37, 65, fill);
}

static void check_weights_of(check *c, size_t n, double spread) {
    const am_s8_format *format = &c->kernels->s8.format;
    check_case(c, "weights n=%zu spread=%g", n, spread);
    const size_t padded = round_up(n, 4);
    float *scores = check_floats(c, n);
    char *high = check_out(c, 1, padded * format->value_bytes, padded * format->value_bytes, 1);
    char *low = check_out(c, 1, padded * format->value_bytes, padded * format->value_bytes, 1);
    double most = -HUGE_VAL;
    for (size_t i = 0; i < n; i++) {
        scores[i] = (float)((double)scores[i] * spread - 3 * spread);
        most = fmax(most, (double)scores[i]);
    }
    const uint32_t sum = c->kernels->attn_s8.weights(scores, n, high, low);
    uint32_t total = 0;
    for (size_t i = 0; i < padded; i++) {
        const unsigned upper = (unsigned)check_get_unsigned(format, high, i);
        const unsigned lower = (unsigned)check_get_unsigned(format, low, i);
        const double want = i < n ? rint(65535 * exp((double)scores[i] - most)) : 0;
        check_true(c, upper <= 255 && lower <= 255, "a weight's halves are bytes");
        check_near(c, 256 * upper + lower, want, i < n ? 1 : 0, i);
        total += 256 * upper + lower;
    }
    check_near(c, sum, total, 0, 0);
}

static void check_weights(check *c) {
    for (size_t n = 1; n <= 70; n++) check_weights_of(c, n, 8);
    check_weights_of(c, 1500, 0);    /* all weights at their largest */
    check_weights_of(c, 1500, 1e-3);
    check_weights_of(c, 1500, 30);
    check_weights_of(c, 1501, 1e4);
    check_weights_of(c, 65536, 0);   /* the largest sum */
}

/* A query's attention, as the driver puts it together, beside the same in double: the quantised
 * parts are within half a step each, which bounds what scores and mix may be off. */
static void check_whole_of(check *c, size_t n) {
    const am_kernels *kernels = c->kernels;
    const am_s8_format *format = &kernels->s8.format;
    const size_t nr = format->nr;
    const size_t padded = round_up(n, nr);
    check_case(c, "whole n=%zu", n);
    float *k = check_floats(c, n * AM_HEAD_DIM);
    float *v = check_floats(c, n * AM_HEAD_DIM);
    float *q = check_floats(c, AM_HEAD_DIM);
    char *panels = check_bytes(c, padded / nr * am__s8_panel_bytes(format, AM_HEAD_DIM) +
                                      AM_HEAD_DIM / nr * am__s8_panel_bytes(format, n));
    char *rows = check_bytes(c, am__s8_row_bytes(format, AM_HEAD_DIM) +
                                    2 * am__s8_row_bytes(format, n));
    float scores[N_MAX + 64], key_scale[N_MAX + 64], zeros[64] = {0};
    float scale[AM_HEAD_DIM], mean[AM_HEAD_DIM], mixed[2 * AM_HEAD_DIM], query_scale;
    kernels->attn_s8.pack_keys(k, AM_HEAD_DIM, n, panels, key_scale);
    kernels->s8.quantize(1, AM_HEAD_DIM, q, AM_HEAD_DIM, rows, 0, &query_scale);
    for (size_t t = 0; t < n; t += nr, panels += am__s8_panel_bytes(format, AM_HEAD_DIM)) {
        const am_s8_out out = {scores + t, nr, &query_scale, key_scale + t, zeros, false};
        kernels->s8.tile(1, n - t < nr ? n - t : nr, AM_HEAD_DIM, rows, 0, panels, &out);
    }
    char *weights = rows + am__s8_row_bytes(format, AM_HEAD_DIM);
    const size_t lda = am__s8_row_bytes(format, n);
    const uint32_t sum = kernels->attn_s8.weights(scores, n, weights, weights + lda);
    kernels->attn_s8.pack_values(v, AM_HEAD_DIM, n, panels, scale, mean);
    const float row_scale[2] = {256 / (float)sum, 1 / (float)sum};
    for (size_t i = 0; i < AM_HEAD_DIM; i += nr, panels += am__s8_panel_bytes(format, n)) {
        const am_s8_out out = {mixed + i, AM_HEAD_DIM, row_scale, scale + i, zeros, false};
        kernels->s8.tile(2, nr, n, weights, lda, panels, &out);
    }
    double exact[N_MAX], most = -HUGE_VAL, total = 0;
    for (size_t t = 0; t < n; t++) {
        exact[t] = 0;
        for (size_t i = 0; i < AM_HEAD_DIM; i++) exact[t] += (double)q[i] * (double)k[t * 64 + i];
        most = fmax(most, exact[t]);
    }
    for (size_t t = 0; t < n; t++) total += exact[t] = exp(exact[t] - most);
    /* |q|, |k - mean| < 2: steps of 1/127 and 2/127, in each of 64 products; the softmax changes
     * by twice the scores' largest error, values of less than 1 by half a step of 2/127. */
    const double allowed = 2 * 64 * (2 * 0.5 / 127 + 1 / 127.0) / 4 + 1 / 127.0;
    for (size_t i = 0; i < AM_HEAD_DIM; i++) {
        double want = 0;
        for (size_t t = 0; t < n; t++) want += exact[t] * (double)v[t * AM_HEAD_DIM + i] / total;
        const double got = (double)mixed[i] + (double)mixed[AM_HEAD_DIM + i] + (double)mean[i];
        check_near(c, got, want, allowed, i);
    }
}

static void check_whole(check *c) {
    for (size_t i = 0; i < N_COUNTS; i++) check_whole_of(c, counts[i]);
}

#define BENCH_N 1500

typedef struct attn_bench {
    float *x, *floats;
    char *panels, *rows;
} attn_bench;

static void bench_pack_keys(const am_kernels *kernels, void *data) {
    const attn_bench *b = data;
    kernels->attn_s8.pack_keys(b->x, AM_HEAD_DIM, BENCH_N, b->panels, b->floats);
}

static void bench_pack_values(const am_kernels *kernels, void *data) {
    const attn_bench *b = data;
    kernels->attn_s8.pack_values(b->x, AM_HEAD_DIM, BENCH_N, b->panels, b->floats,
                                 b->floats + AM_HEAD_DIM);
}

static void bench_attn_weights(const am_kernels *kernels, void *data) {
    const attn_bench *b = data;
    kernels->attn_s8.weights(b->x, BENCH_N, b->rows, b->rows + 2 * (BENCH_N + 4));
}

static void run_bench(check *c, bench_fn *fn, const char *name, double bytes) {
    attn_bench b = {.x = malloc(BENCH_N * AM_HEAD_DIM * sizeof(float)),
                    .floats = malloc((BENCH_N + 128) * sizeof(float)),
                    .panels = malloc((BENCH_N + 64) * (AM_HEAD_DIM + 4)),
                    .rows = malloc(4 * (BENCH_N + 4))};
    if (b.x == NULL || b.floats == NULL || b.panels == NULL || b.rows == NULL) {
        perror("check");
        exit(2);
    }
    for (size_t i = 0; i < BENCH_N * AM_HEAD_DIM; i++) b.x[i] = (float)(i % 61) / 8 - 4;
    check_bench(c, fn, &b, bytes, "GB/s", true, "%s n=%d", name, BENCH_N);
    free(b.x);
    free(b.floats);
    free(b.panels);
    free(b.rows);
}

static void bench_keys(check *c) {
    run_bench(c, bench_pack_keys, "attn_pack_keys", BENCH_N * AM_HEAD_DIM * sizeof(float));
}

static void bench_values(check *c) {
    run_bench(c, bench_pack_values, "attn_pack_values", BENCH_N * AM_HEAD_DIM * sizeof(float));
}

static void bench_weights(check *c) {
    run_bench(c, bench_attn_weights, "attn_weights", BENCH_N * sizeof(float));
}

const check_test check_attn_s8_tests[] = {
    {"attn_pack_keys", check_keys, bench_keys},
    {"attn_pack_values", check_values, bench_values},
    {"attn_weights", check_weights, bench_weights},
    {"attn_s8", check_whole, NULL},
    {NULL, NULL, NULL},
};
