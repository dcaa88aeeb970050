/*
 * Panels of gemm_s4.h: expanded, they are byte for byte what am__s8_pack makes of the weights that
 * the contract states, for any contents. And the quantiser, against the plainest one.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

typedef enum contents { ANY, LARGEST, LEAST, N_CONTENTS } contents;

/* The 8-bit weight, modulo 256, from the definition. */
static int8_t weight_of(int code, int group) {
    const uint8_t byte = (uint8_t)((group & 15) * (code - (group >> 4)));
    int8_t weight;
    memcpy(&weight, &byte, 1);
    return weight;
}

static void check_expanded(check *c, size_t n, size_t k, contents kind) {
    const am_s8_format *format = &c->kernels->s8.format;
    const size_t n_groups = k / AM_S4_GROUP;
    const size_t expanded_bytes = am__s8_panel_bytes(format, k);
    check_case(c, "n=%zu k=%zu contents %d", n, k, (int)kind);
    uint8_t *codes = check_bytes(c, n * k);
    uint8_t *groups = check_bytes(c, n * n_groups);
    int8_t *weights = check_bytes(c, n * k);
    char *panel = check_bytes(c, am__s4_panel_bytes(format, k));
    char *want = check_bytes(c, expanded_bytes);
    char *got = check_out(c, 1, expanded_bytes, expanded_bytes, 1);
    for (size_t g = 0; g < n * n_groups; g++) {
        const uint8_t any = (uint8_t)am__rng_below(&c->rng, 256);
        groups[g] = kind == ANY ? any : kind == LARGEST ? 0x0f : 0xff;
    }
    for (size_t i = 0; i < n * k; i++) {
        const uint8_t any = (uint8_t)am__rng_below(&c->rng, 16);
        codes[i] = kind == ANY ? any : kind == LARGEST ? 15 : 0;
        weights[i] = weight_of(codes[i], groups[i / AM_S4_GROUP]);
    }
    am__s4_pack(format, codes, groups, n, k, panel);
    am__s8_pack(format, weights, n, k, want);
    c->kernels->expand_s4(k, panel, got);
    for (size_t i = 0; i < expanded_bytes; i++) check_near(c, got[i], want[i], 0, i);
    uint8_t one_codes[512], one_groups[512 / AM_S4_GROUP];
    for (size_t j = 0; j < n && k <= sizeof one_codes; j++) {
        am__s4_unpack_column(format, panel, j, k, one_codes, one_groups);
        check_true(c, memcmp(one_codes, codes + j * k, k) == 0, "codes come back");
        check_true(c, memcmp(one_groups, groups + j * n_groups, n_groups) == 0,
                   "groups come back");
    }
}

static void check_expand(check *c) {
    static const size_t depths[] = {32, 64, 96, 384, 512, 2048};
    const size_t nr = c->kernels->s8.format.nr;
    const size_t widths[] = {1, nr / 2 + 1, nr};
    for (size_t d = 0; d < sizeof depths / sizeof *depths; d++) {
        for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
            for (contents kind = 0; kind < N_CONTENTS; kind++) {
                check_expanded(c, widths[w], depths[d], kind);
            }
        }
    }
}

/* Four bits with one f32 scale for each group that reaches its largest weight. */
static double plain_error(const float *w, size_t k) {
    double error = 0;
    for (size_t g = 0; g < k; g += AM_S4_GROUP) {
        double most = 0;
        for (size_t i = g; i < g + AM_S4_GROUP; i++) most = fmax(most, fabs((double)w[i]));
        for (size_t i = g; i < g + AM_S4_GROUP && most > 0; i++) {
            const double off = (double)w[i] - nearbyint((double)w[i] * 7 / most) * most / 7;
            error += off * off;
        }
    }
    return error;
}

static void check_row(check *c, const char *what, const float *w, size_t k, double share) {
    uint8_t codes[2048], groups[2048 / AM_S4_GROUP];
    double error = 0, power = 0;
    check_case(c, "quantiser, %s k=%zu", what, k);
    const float scale = am__s4_quantize_row(w, k, codes, groups);
    check_true(c, isfinite(scale) && scale >= 0, "the scale is a number");
    for (size_t i = 0; i < k; i++) {
        const int group = groups[i / AM_S4_GROUP];
        const int value = (group & 15) * (codes[i] - (group >> 4));
        check_true(c, codes[i] <= 15 && abs(value) <= 127, "weights are within 8 bits");
        const double off = (double)w[i] - (double)scale * value;
        error += off * off;
        power += (double)w[i] * (double)w[i];
    }
    check_true(c, error <= share * plain_error(w, k) + 1e-12 * power + 1e-60, "the error is small");
}

/* Sums of twelve uniform numbers: weights are much like a normal distribution. */
static float normal(check *c) {
    double sum = 0;
    for (int i = 0; i < 12; i++) sum += check_uniform(c, -0.5, 0.5);
    return (float)sum;
}

static void check_quantizer(check *c) {
    static const size_t depths[] = {32, 512, 2048};
    float w[2048];
    for (size_t d = 0; d < sizeof depths / sizeof *depths; d++) {
        const size_t k = depths[d];
        for (size_t i = 0; i < k; i++) w[i] = normal(c);
        check_row(c, "normal", w, k, 0.85);
        for (size_t i = 0; i < k; i++) w[i] = fabsf(w[i]);
        check_row(c, "of one sign", w, k, 0.5);
        for (size_t i = 0; i < k; i++) w[i] = 0;
        check_row(c, "zeros", w, k, 1);
        w[k - 1] = -1e-38f;
        check_row(c, "next to nothing", w, k, 1);
        w[k - 1] = -1e3f;
        check_row(c, "one huge", w, k, 1);
    }
}

typedef struct s4_bench {
    size_t m, k, n_panels;
    void *a, *panels, *expanded;
    float *floats, *y;
} s4_bench;

static void bench_panels(const am_kernels *kernels, void *data) {
    const s4_bench *b = data;
    const am_s8_format *format = &kernels->s8.format;
    const am_s8_out out = {b->y, format->nr, b->floats, b->floats, b->floats, false};
    for (size_t p = 0; p < b->n_panels; p++) {
        kernels->expand_s4(b->k, (char *)b->panels + p * am__s4_panel_bytes(format, b->k),
                           b->expanded);
        if (b->m == 0) continue;
        kernels->s8.tile(b->m, format->nr, b->k, b->a, am__s8_row_bytes(format, b->k), b->expanded,
                         &out);
    }
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

static void bench_expand(check *c) {
    const am_s8_format *format = &c->kernels->s8.format;
    const size_t pool = (size_t)64 << 20;
    s4_bench b = {.k = 512, .n_panels = 1,
                  .a = bench_memory(format->mr * am__s8_row_bytes(format, 512)),
                  .panels = bench_memory(pool),
                  .expanded = bench_memory(am__s8_panel_bytes(format, 512)),
                  .floats = bench_memory(512 * sizeof(float)),
                  .y = bench_memory(format->mr * format->nr * sizeof(float))};
    check_bench(c, bench_panels, &b, (double)(b.k * format->nr), "G weights/s", false,
                "expand_s4 k=%zu", b.k);
    const size_t panel_bytes = am__s4_panel_bytes(format, b.k);
    b.n_panels = pool / panel_bytes;
    for (size_t m = 0; m <= format->mr; m += m == 0 ? 1 : 3) {
        b.m = m;
        check_bench(c, bench_panels, &b, (double)(b.n_panels * panel_bytes), "GB/s", false,
                    "expand_s4 and tile m=%zu from memory", m);
    }
    free(b.a);
    free(b.panels);
    free(b.expanded);
    free(b.floats);
    free(b.y);
}

const check_test check_s4_tests[] = {
    {"expand_s4", check_expand, bench_expand},
    {"quantize_s4", check_quantizer, NULL},
    {NULL, NULL, NULL},
};
