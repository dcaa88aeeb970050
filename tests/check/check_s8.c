/*
 * Quantised rows and tiles of gemm_s8.h: every bit of the result follows from the contract, so
 * all of it is compared for equality.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

typedef enum value_kind { VALUES_RANDOM, VALUES_LARGEST, VALUES_OPPOSITE, VALUE_KINDS } value_kind;

/* Of a panel; the last meets unsigned activations. */
typedef enum panel_form { BYTES, WIDE, UNSIGNED } panel_form;

typedef struct shape {
    size_t m, n, k;
    value_kind kind;
    bool accumulate;
    panel_form form;
} shape;

/* -127 … 127. The largest of both signs are what a 16-bit sum of two products cannot hold. */
static int8_t value_of(check *c, value_kind kind, bool weight) {
    if (kind == VALUES_RANDOM) return (int8_t)((int)am__rng_below(&c->rng, 255) - 127);
    return kind == VALUES_OPPOSITE && weight ? -127 : 127;
}

/* 0 … 255 where it is an unsigned activation. */
static int activation_of(check *c, value_kind kind, bool is_unsigned) {
    if (!is_unsigned) return value_of(c, kind, false);
    return kind == VALUES_RANDOM ? (int)am__rng_below(&c->rng, 256) : 255;
}

static void check_shape(check *c, const shape *s) {
    static const char *const kinds[VALUE_KINDS] = {"random", "largest", "opposite"};
    static const char *const forms[] = {"", " wide", " unsigned"};
    const bool is_unsigned = s->form == UNSIGNED;
    const am_s8_format unsigned_rows = check_unsigned(&c->kernels->s8.format);
    const am_s8_format *format = is_unsigned ? &unsigned_rows : &c->kernels->s8.format;
    check_case(c, "m=%zu n=%zu k=%zu %s%s%s", s->m, s->n, s->k, kinds[s->kind],
               s->accumulate ? " accumulate" : "", forms[s->form]);
    const size_t padded = (s->k + 3) / 4 * 4;
    const size_t lda = padded * format->value_bytes + 4 * am__rng_below(&c->rng, 3);
    const size_t ldy = s->n + am__rng_below(&c->rng, 5);
    char *a = check_bytes(c, (s->m - 1) * lda + padded * format->value_bytes);
    int8_t *w = check_bytes(c, s->n * s->k);
    void *panel = check_bytes(c, am__s8_panel_bytes(format, s->k));
    float *row_scale = check_floats(c, s->m);
    float *column_scale = check_floats(c, format->nr);
    float *bias = check_floats(c, format->nr);
    float *y = check_out(c, s->m, s->n, ldy, sizeof *y);
    float before[64 * 64];
    for (size_t i = 0; i < s->m; i++) {
        for (size_t l = 0; l < padded; l++) { /* what is behind k meets weights of zero */
            check_put(format, a + i * lda, l, activation_of(c, s->kind, is_unsigned));
        }
        for (size_t j = 0; j < s->n; j++) {
            before[i * s->n + j] = y[i * ldy + j] = (float)check_uniform(c, -1, 1);
        }
    }
    for (size_t i = 0; i < s->n * s->k; i++) w[i] = value_of(c, s->kind, true);
    am__s8_pack(format, w, s->n, s->k, panel);
    const am_s8_out out = {y, ldy, row_scale, column_scale, bias, s->accumulate};
    if (s->form == WIDE) {
        void *widened = check_bytes(c, am__s8_wide_bytes(format, s->k));
        c->kernels->s8.widen(s->k, panel, widened);
        c->kernels->s8.tile_wide(s->m, s->n, s->k, a, lda, widened, &out);
    } else {
        c->kernels->s8.tile(s->m, s->n, s->k, a, lda, panel, &out);
    }
    for (size_t i = 0; i < s->m; i++) {
        for (size_t j = 0; j < s->n; j++) {
            int64_t sum = 0;
            for (size_t l = 0; l < s->k; l++) {
                const char *row = a + i * lda;
                const int value = is_unsigned ? check_get_unsigned(format, row, l)
                                              : check_get(format, row, l);
                sum += value * w[j * s->k + l];
            }
            const float scale = row_scale[i] * column_scale[j];
            float want = fmaf((float)sum, scale, bias[j]);
            if (s->accumulate) want = before[i * s->n + j] + want;
            check_near(c, (double)y[i * ldy + j], (double)want, 0, i * s->n + j);
        }
    }
}

static void check_tiles(check *c, panel_form form) {
    static const size_t depths[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 64, 129};
    const size_t nr = c->kernels->s8.format.nr;
    const size_t mr = c->kernels->s8.format.mr;
    const size_t widths[] = {1, 7, nr / 2 - 1, nr / 2, nr / 2 + 1, nr - 1, nr};
    for (size_t m = 1; m <= mr; m++) {
        for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
            for (size_t d = 0; d < sizeof depths / sizeof *depths; d++) {
                const bool accumulate = am__rng_below(&c->rng, 2) != 0;
                check_shape(c, &(shape){m, widths[w], depths[d], VALUES_RANDOM, accumulate, form});
            }
        }
        for (value_kind kind = 0; kind < VALUE_KINDS; kind++) {
            check_shape(c, &(shape){m, nr, 384, kind, false, form});
        }
    }
    check_shape(c, &(shape){mr, nr, 5120, VALUES_RANDOM, false, form});
    for (value_kind kind = 0; kind < VALUE_KINDS; kind++) {
        check_shape(c, &(shape){1, nr, 8192, kind, false, form});
    }
}

static void check_bytes_panel(check *c) {
    check_tiles(c, BYTES);
}

static void check_unsigned_panel(check *c) {
    check_tiles(c, UNSIGNED);
}

static void check_wide_panel(check *c) {
    if (c->kernels->s8.widen == NULL) {
        check_case(c, "tiles read panels of bytes only");
        check_true(c, c->kernels->s8.tile_wide == NULL, "widen and tile_wide: both or none");
        return;
    }
    check_tiles(c, WIDE);
}

/* Activations of one value against weights of one value. */
static void check_depth(check *c, const am_s8_format *format, int value, int weight, char *a,
                        int8_t *w, void *panel) {
    const size_t k = AM_S8_DEPTH_MAX;
    check_case(c, "k=%zu %d times %d", k, value, weight);
    for (size_t l = 0; l < k; l++) check_put(format, a, l, value);
    memset(w, weight, k);
    am__s8_pack(format, w, 1, k, panel);
    float *ones = check_floats(c, format->nr);
    float *zeros = check_floats(c, format->nr);
    for (size_t j = 0; j < format->nr; j++) {
        ones[j] = 1;
        zeros[j] = 0;
    }
    float *y = check_out(c, 1, 1, 1, sizeof *y);
    const am_s8_out out = {y, 1, ones, ones, zeros, false};
    c->kernels->s8.tile(1, 1, k, a, k * format->value_bytes, panel, &out);
    check_near(c, (double)y[0], (double)value * weight * (double)k, 0, 0);
}

/* The deepest sums that the contract allows, at their limits. */
static void check_deepest(check *c) {
    const am_s8_format *format = &c->kernels->s8.format;
    const am_s8_format unsigned_rows = check_unsigned(format);
    char *a = malloc(AM_S8_DEPTH_MAX * format->value_bytes);
    int8_t *w = malloc(AM_S8_DEPTH_MAX);
    void *panel = malloc(am__s8_panel_bytes(format, AM_S8_DEPTH_MAX));
    for (int sign = -1; sign <= 1 && a != NULL && w != NULL && panel != NULL; sign += 2) {
        check_depth(c, format, 127, sign * 127, a, w, panel);
        check_depth(c, &unsigned_rows, 255, sign * 127, a, w, panel);
    }
    free(a);
    free(w);
    free(panel);
}

static void check_quantized(check *c, size_t n_rows, size_t n, fill_kind fill, bool ties) {
    const am_s8_format *format = &c->kernels->s8.format;
    check_case(c, "rows=%zu n=%zu %s", n_rows, n, ties ? "ties" : check_fill_name(fill));
    const size_t padded = (n + 3) / 4 * 4;
    const size_t ldx = am__rng_below(&c->rng, 2) != 0 ? n + 3 : n / 3 + 1;
    const size_t ldq = am__s8_row_bytes(format, n);
    float *x = check_floats(c, (n_rows - 1) * ldx + n);
    check_fill(c, x, (n_rows - 1) * ldx + n, fill);
    for (size_t i = 0; ties && i < n; i++) {
        x[i] = i == 0 ? 127 : (float)((int)am__rng_below(&c->rng, 253) - 126) + 0.5f;
    }
    char *q = check_out(c, n_rows, padded * format->value_bytes, ldq, 1);
    float *scales = check_out(c, n_rows, 1, 1, sizeof *scales);
    int8_t *want = check_bytes(c, n);
    c->kernels->s8.quantize(n_rows, n, x, ldx, q, ldq, scales);
    for (size_t r = 0; r < n_rows; r++) {
        const float *row = x + r * ldx;
        const float scale = am__quantize_row(row, n, want);
        check_near(c, (double)scales[r], (double)scale, 0, r);
        for (size_t i = 0; i < padded; i++) {
            const int got = check_get(format, q + r * ldq, i);
            check_near(c, got, i < n ? want[i] : 0, 0, r * padded + i);
            if (i >= n) continue;
            const double least = scale == 0 ? (double)AM_QUANTIZE_LEAST : 0;
            check_near(c, (double)scale * got, (double)row[i], 0.50002 * (double)scale + least, i);
            if (ties && r == 0) check_near(c, got, nearbyint((double)row[i]), 0, i);
        }
    }
}

static void check_quantize(check *c) {
    for (size_t n = 1; n <= 70; n++) check_quantized(c, 1 + n % 3, n, FILL_UNIFORM, false);
    for (fill_kind fill = 0; fill < FILL_KINDS; fill++) check_quantized(c, 3, 101, fill, false);
    check_quantized(c, 1, 5120, FILL_UNIFORM, false);
    check_quantized(c, 1, 1003, FILL_UNIFORM, true);
}

/* Rows of scores: ordinary ones, all equal ones, and one far above all others. */
static void check_softmax_row(check *c, size_t n_rows, size_t n, double spread) {
    const am_s8_format *format = &c->kernels->s8.format;
    check_case(c, "rows=%zu n=%zu spread %g", n_rows, n, spread);
    const size_t padded = (n + 3) / 4 * 4;
    const size_t lds = n + am__rng_below(&c->rng, 3);
    const size_t ldp = am__s8_row_bytes(format, n);
    float *scores = check_floats(c, (n_rows - 1) * lds + n);
    char *p = check_out(c, n_rows, padded * format->value_bytes, ldp, 1);
    float *scales = check_out(c, n_rows, 1, 1, sizeof *scales);
    int16_t *want = check_bytes(c, padded * sizeof *want);
    float *row_scale = check_floats(c, n_rows);
    for (size_t r = 0; r < n_rows; r++) row_scale[r] = (float)check_uniform(c, 0, 1.5);
    for (size_t i = 0; i < (n_rows - 1) * lds + n; i++) {
        scores[i] = (float)check_uniform(c, -spread, spread);
    }
    scores[am__rng_below(&c->rng, n)] = (float)(1.5 * spread);
    c->kernels->s8.softmax(n_rows, n, scores, lds, row_scale, p, ldp, scales);
    for (size_t r = 0; r < n_rows; r++) {
        float scale;
        double most = -INFINITY;
        am__kernels_ref.s8.softmax(1, n, scores + r * lds, n, row_scale + r, want, 0, &scale);
        check_near(c, (double)scales[r], (double)scale, 0, r);
        for (size_t i = 0; i < n; i++) most = fmax(most, (double)scores[r * lds + i]);
        for (size_t i = 0; i < padded; i++) {
            const char *row = p + r * ldp;
            const int got = check_get_unsigned(format, row, i);
            check_near(c, got, want[i], 0, r * padded + i);
            if (i >= n) continue;
            const double x = ((double)scores[r * lds + i] - most) * (double)row_scale[r];
            check_near(c, got, 254 * exp2(x), 1.18, i);
        }
    }
}

/* One score far above the others, each of which is nearer to 0 than to 1: their sum survives. */
static void check_tail(check *c) {
    enum { N = 1500 };
    for (int share = 1; share <= 40; share += 3) {
        check_case(c, "tail of %d / 100 each", share);
        float *scores = check_floats(c, N);
        void *p = check_out(c, 1, N * c->kernels->s8.format.value_bytes, 0, 1);
        float *scale = check_out(c, 1, 1, 1, sizeof *scale);
        *scale = 1; /* of the row, then of the result */
        for (size_t i = 0; i < N; i++) scores[i] = (float)log2(share / 100.0 / 254);
        scores[7] = 0;
        c->kernels->s8.softmax(1, N, scores, N, scale, p, 0, scale);
        const double want = 254 + share / 100.0 * (N - 1);
        check_near(c, 1 / (double)*scale, want, N / 128.0 + 1, 0); /* half a step of dither each */
    }
}

static void check_softmax_u8(check *c) {
    static const double spreads[] = {0, 0.1, 3, 12, 1e2};
    for (size_t n = 1; n <= 70; n++) {
        for (size_t s = 0; s < sizeof spreads / sizeof *spreads; s++) {
            check_softmax_row(c, 1 + n % 3, n, spreads[s]);
        }
    }
    check_softmax_row(c, 24, 1500, 10);
    check_tail(c);
}

static void check_scores_of(check *c, size_t m, size_t n, value_kind kind) {
    const am_s8_format *format = &c->kernels->s8.format;
    const size_t n_panels = (n + format->nr - 1) / format->nr;
    const size_t padded = n_panels * format->nr;
    const size_t ldq = AM_HEAD_DIM * format->value_bytes + 4 * am__rng_below(&c->rng, 3);
    const size_t lds = padded + am__rng_below(&c->rng, 5);
    const size_t panel_bytes = am__s8_panel_bytes(format, AM_HEAD_DIM);
    check_case(c, "m=%zu n=%zu", m, n);
    char *q = check_bytes(c, (m - 1) * ldq + AM_HEAD_DIM * format->value_bytes);
    int8_t *keys = check_bytes(c, n * AM_HEAD_DIM);
    char *panels = check_bytes(c, n_panels * panel_bytes);
    float *scale = check_floats(c, padded);
    float *scores = check_out(c, m, padded, lds, sizeof *scores);
    for (size_t i = 0; i < m * AM_HEAD_DIM; i++) {
        check_put(format, q + i / AM_HEAD_DIM * ldq, i % AM_HEAD_DIM, value_of(c, kind, false));
    }
    for (size_t i = 0; i < n * AM_HEAD_DIM; i++) keys[i] = value_of(c, kind, true);
    for (size_t t = n; t < padded; t++) scale[t] = 0;
    for (size_t p = 0; p < n_panels; p++) {
        const size_t first = p * format->nr;
        am__s8_pack(format, keys + first * AM_HEAD_DIM,
                    n - first < format->nr ? n - first : format->nr, AM_HEAD_DIM,
                    panels + p * panel_bytes);
    }
    c->kernels->s8.scores(m, n, q, ldq, panels, scale, scores, lds);
    for (size_t r = 0; r < m; r++) {
        for (size_t t = 0; t < padded; t++) {
            int32_t sum = 0;
            for (size_t i = 0; i < AM_HEAD_DIM && t < n; i++) {
                sum += check_get(format, q + r * ldq, i) * keys[t * AM_HEAD_DIM + i];
            }
            const float want = (float)sum * scale[t];
            check_near(c, (double)scores[r * lds + t], (double)want, 0, r * padded + t);
        }
    }
}

static void check_scores(check *c) {
    const size_t nr = c->kernels->s8.format.nr;
    const size_t counts[] = {1, nr - 1, nr, nr + 1, 3 * nr + 5};
    for (size_t m = 1; m <= c->kernels->s8.format.mr; m++) {
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            check_scores_of(c, m, counts[i], VALUES_RANDOM);
        }
        for (value_kind kind = 0; kind < VALUE_KINDS; kind++) check_scores_of(c, m, nr, kind);
    }
}

typedef struct s8_bench {
    size_t m, k, n_panels;
    bool wide;
    void *a, *panels;
    float *floats, *y;
} s8_bench;

static void bench_tile(const am_kernels *kernels, void *data) {
    const s8_bench *b = data;
    const am_s8_format *format = &kernels->s8.format;
    const size_t bytes = b->wide ? am__s8_wide_bytes(format, b->k)
                                 : am__s8_panel_bytes(format, b->k);
    const am_s8_out out = {b->y, format->nr, b->floats, b->floats, b->floats, false};
    am_gemm_s8_fn *tile = b->wide ? kernels->s8.tile_wide : kernels->s8.tile;
    for (size_t p = 0; p < b->n_panels; p++) {
        tile(b->m, format->nr, b->k, b->a, am__s8_row_bytes(format, b->k),
             (const char *)b->panels + p * bytes, &out);
    }
}

static void bench_quantize(const am_kernels *kernels, void *data) {
    const s8_bench *b = data;
    kernels->s8.quantize(1, b->k, b->floats, b->k, b->a, 0, b->y);
}

static void bench_softmax_rows(const am_kernels *kernels, void *data) {
    const s8_bench *b = data;
    const float one = 1;
    kernels->s8.softmax(1, b->k, b->floats, b->k, &one, b->a, 0, b->y);
}

static void *bench_memory(size_t n_bytes) {
    char *out = malloc(n_bytes);
    if (out == NULL) {
        perror("check");
        exit(2);
    }
    for (size_t i = 0; i < n_bytes; i++) out[i] = (char)(i % 61);
    return out;
}

/* Panels that stay in cache: arithmetic; and read once from memory, as a decoder's step does. */
static void bench_gemm(check *c) {
    static const size_t depths[] = {384, 512, 1536, 2048, 5120};
    const am_s8_format *format = &c->kernels->s8.format;
    const size_t pool = (size_t)64 << 20;
    const bool wide = c->kernels->s8.widen != NULL;
    s8_bench b = {.a = bench_memory(format->mr * am__s8_row_bytes(format, 5120)),
                  .panels = bench_memory(pool),
                  .floats = bench_memory(5120 * sizeof(float)),
                  .y = bench_memory(format->mr * format->nr * sizeof(float))};
    for (size_t d = 0; d < sizeof depths / sizeof *depths; d++) {
        b.m = format->mr, b.k = depths[d], b.n_panels = 1, b.wide = wide;
        check_bench(c, bench_tile, &b, 2.0 * (double)(b.m * format->nr * b.k), "GOPS", false,
                    "tile%s m=%zu k=%zu", wide ? "_wide" : "", b.m, b.k);
    }
    for (size_t m = 1; m <= format->mr; m++) {
        const size_t panel_bytes = am__s8_panel_bytes(format, 512);
        b.m = m, b.k = 512, b.n_panels = pool / panel_bytes, b.wide = false;
        check_bench(c, bench_tile, &b, (double)(b.n_panels * panel_bytes), "GB/s", false,
                    "tile m=%zu from memory", m);
    }
    free(b.a);
    free(b.panels);
    free(b.floats);
    free(b.y);
}

static void bench_rows(check *c) {
    s8_bench b = {.k = 1536, .a = bench_memory(4 * 1536), .floats = bench_memory(4 * 1536),
                  .y = bench_memory(sizeof(float))};
    for (size_t i = 0; i < b.k; i++) b.floats[i] = (float)(i % 61) / 64 - 0.5f;
    check_bench(c, bench_quantize, &b, (double)b.k * sizeof(float), "GB/s", true, "quantize n=%zu",
                b.k);
    free(b.a);
    free(b.floats);
    free(b.y);
}

static void bench_softmax(check *c) {
    s8_bench b = {.k = 1500, .a = bench_memory(4 * 1500), .floats = bench_memory(4 * 1500),
                  .y = bench_memory(sizeof(float))};
    for (size_t i = 0; i < b.k; i++) b.floats[i] = (float)(i % 61) / 8;
    check_bench(c, bench_softmax_rows, &b, (double)b.k, "G values/s", true, "softmax n=%zu", b.k);
    free(b.a);
    free(b.floats);
    free(b.y);
}

const check_test check_s8_tests[] = {
    {"quantize", check_quantize, bench_rows},
    {"scores_s8", check_scores, NULL},
    {"softmax_u8", check_softmax_u8, bench_softmax},
    {"gemm_s8", check_bytes_panel, bench_gemm},
    {"gemm_s8_wide", check_wide_panel, NULL},
    {"gemm_s8_unsigned", check_unsigned_panel, NULL},
    {"gemm_s8_deepest", check_deepest, NULL},
    {NULL, NULL, NULL},
};
