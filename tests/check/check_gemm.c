/* Tiles of gemm_f32.h against sums in double, in the geometry of the kernel under test. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "kernels/ref/ref.h"

typedef enum start_kind { START_ZERO, START_INIT, START_ACCUMULATE, START_KINDS } start_kind;

typedef struct shape {
    size_t m, n, k;
    start_kind start;
    fill_kind fill;
    bool half;
} shape;

/* Rounds to what a panel of halves can hold; what overflows becomes the largest. */
static void make_half(float *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        am_f16 half;
        const float bounded = fminf(fmaxf(x[i], -65504), 65504);
        am_f32_to_f16__ref(&half, &bounded, 1);
        am_f16_to_f32__ref(&x[i], &half, 1);
    }
}

static void check_shape(check *c, const shape *s) {
    static const char *const starts[START_KINDS] = {"zero", "init", "accumulate"};
    const size_t nr = c->kernels->gemm.nr;
    check_case(c, "m=%zu n=%zu k=%zu %s %s", s->m, s->n, s->k, starts[s->start],
               check_fill_name(s->fill));
    /* Overlapping rows, as a convolution has them, or rows with a gap. */
    const size_t lda = am__rng_below(&c->rng, 2) != 0 ? s->k + 3 : s->k / 3 + 1;
    const size_t ldc = s->n + am__rng_below(&c->rng, 5);
    float *a = check_floats(c, (s->m - 1) * lda + s->k);
    float *w = check_floats(c, s->n * s->k); /* [n, k] */
    check_fill(c, a, (s->m - 1) * lda + s->k, s->fill);
    if (s->half) make_half(w, s->n * s->k);
    const size_t panel_bytes = s->k * nr * (s->half ? sizeof(am_f16) : sizeof(float));
    void *panel = check_bytes(c, panel_bytes);
    float *init = check_floats(c, nr);
    float *out = check_out(c, s->m, s->n, ldc, sizeof *out);
    float before[64 * 64];
    for (size_t i = 0; i < s->m; i++) {
        for (size_t j = 0; j < s->n; j++) {
            before[i * s->n + j] = (float)check_uniform(c, -1, 1);
            if (s->start == START_ACCUMULATE) out[i * ldc + j] = before[i * s->n + j];
        }
    }
    const float *first = s->start == START_INIT ? init : NULL;
    const bool accumulate = s->start == START_ACCUMULATE;
    if (s->half) {
        float *wide = calloc(s->k * nr + 1, sizeof *wide);
        am__gemm_pack_f32(w, s->n, s->k, nr, wide);
        am_f32_to_f16__ref(panel, wide, s->k * nr);
        free(wide);
        c->kernels->gemm.tile_f16(s->m, s->n, s->k, a, lda, panel, out, ldc, first, accumulate);
    } else {
        am__gemm_pack_f32(w, s->n, s->k, nr, panel);
        c->kernels->gemm.tile_f32(s->m, s->n, s->k, a, lda, panel, out, ldc, first, accumulate);
    }
    for (size_t i = 0; i < s->m; i++) {
        for (size_t j = 0; j < s->n; j++) {
            double sum = 0;
            double size = 0;
            for (size_t l = 0; l < s->k; l++) {
                const double product = (double)a[i * lda + l] * (double)w[j * s->k + l];
                sum += product;
                size += fabs(product);
            }
            const double start = accumulate ? (double)before[i * s->n + j]
                                            : first != NULL ? (double)first[j] : 0;
            const double tolerance =
                ((double)s->k + 2) * (CHECK_EPSILON * (size + fabs(start)) + CHECK_TINY);
            check_near(c, (double)out[i * ldc + j], sum + start, tolerance, i * s->n + j);
        }
    }
}

static void check_tiles(check *c, bool half) {
    static const size_t depths[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 17, 64, 129};
    const size_t n_depths = sizeof depths / sizeof *depths;
    const size_t nr = c->kernels->gemm.nr;
    const size_t widths[] = {1, 7, nr / 2 - 1, nr / 2, nr / 2 + 1, nr - 1, nr};
    for (size_t m = 1; m <= c->kernels->gemm.mr; m++) {
        for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
            for (size_t d = 0; d < n_depths; d++) {
                const start_kind start = (start_kind)am__rng_below(&c->rng, START_KINDS);
                check_shape(c, &(shape){m, widths[w], depths[d], start, FILL_UNIFORM, half});
            }
        }
        for (fill_kind fill = 0; fill < FILL_KINDS; fill++) {
            for (start_kind start = 0; start < START_KINDS; start++) {
                const size_t k = (size_t)am__rng_below(&c->rng, 384);
                check_shape(c, &(shape){m, nr, k, start, fill, half});
            }
        }
    }
    check_shape(c, &(shape){c->kernels->gemm.mr, nr, 1500, START_INIT, FILL_UNIFORM, half});
}

static void check_f32(check *c) {
    check_tiles(c, false);
}

static void check_f16(check *c) {
    check_tiles(c, true);
}

/* An infinite factor spoils its row and no other. */
static void check_infinite(check *c) {
    const size_t mr = c->kernels->gemm.mr;
    const size_t nr = c->kernels->gemm.nr;
    for (size_t row = 0; row < mr; row++) {
        check_case(c, "infinity in row %zu", row);
        float *a = check_floats(c, mr * 8);
        float *panel = check_floats(c, 8 * nr);
        float *out = check_out(c, mr, nr, nr, sizeof *out);
        a[row * 8 + 5] = INFINITY;
        c->kernels->gemm.tile_f32(mr, nr, 8, a, 8, panel, out, nr, NULL, false);
        for (size_t i = 0; i < mr * nr; i++) {
            check_true(c, (isinf(out[i]) != 0) == (i / nr == row), "infinity in the wrong row");
        }
    }
}

typedef struct tile_bench {
    size_t m, k, n_panels;
    const float *a;
    const float *panels;
    const am_f16 *halves;
    float *c;
} tile_bench;

static void bench_tile_f32(const am_kernels *kernels, void *data) {
    const tile_bench *b = data;
    const size_t nr = kernels->gemm.nr;
    for (size_t p = 0; p < b->n_panels; p++) {
        kernels->gemm.tile_f32(b->m, nr, b->k, b->a, b->k, b->panels + p * b->k * nr, b->c, nr,
                               NULL, false);
    }
}

static void bench_tile_f16(const am_kernels *kernels, void *data) {
    const tile_bench *b = data;
    const size_t nr = kernels->gemm.nr;
    for (size_t p = 0; p < b->n_panels; p++) {
        kernels->gemm.tile_f16(b->m, nr, b->k, b->a, b->k, b->halves + p * b->k * nr, b->c, nr,
                               NULL, false);
    }
}

static float *bench_floats(size_t n) {
    float *x = malloc(n * sizeof *x);
    if (x == NULL) {
        perror("check");
        exit(2);
    }
    for (size_t i = 0; i < n; i++) x[i] = (float)(i % 61) / 64 - 0.5f;
    return x;
}

/* Panels that stay in cache: arithmetic. */
static void bench_f32(check *c) {
    static const size_t depths[] = {64, 256, 384, 1500};
    const size_t nr = c->kernels->gemm.nr;
    const size_t mr = c->kernels->gemm.mr;
    float *a = bench_floats(mr * 1500);
    float *panel = bench_floats(nr * 1500);
    float *out = bench_floats(mr * nr);
    for (size_t d = 0; d < sizeof depths / sizeof *depths; d++) {
        tile_bench b = {mr, depths[d], 1, a, panel, NULL, out};
        check_bench(c, bench_tile_f32, &b, 2.0 * (double)(mr * nr * b.k), "GFLOP/s", false,
                    "tile_f32 m=%zu k=%zu", b.m, b.k);
    }
    for (size_t m = 1; m < mr; m++) {
        tile_bench b = {m, 384, 1, a, panel, NULL, out};
        check_bench(c, bench_tile_f32, &b, 2.0 * (double)(m * nr * b.k), "GFLOP/s", false,
                    "tile_f32 m=%zu k=%zu", b.m, b.k);
    }
    free(a);
    free(panel);
    free(out);
}

/* Panels read once from memory, as a decoder's step does. */
static void bench_f16(check *c) {
    const size_t nr = c->kernels->gemm.nr;
    const size_t mr = c->kernels->gemm.mr;
    const size_t k = 384;
    const size_t n_panels = ((size_t)64 << 20) / (k * nr * sizeof(am_f16));
    float *a = bench_floats(mr * k);
    float *panels = bench_floats(n_panels * k * nr / 2);
    float *out = bench_floats(mr * nr);
    for (size_t m = 1; m <= mr; m++) {
        tile_bench b = {m, k, n_panels, a, NULL, (const am_f16 *)(void *)panels, out};
        check_bench(c, bench_tile_f16, &b, (double)(n_panels * k * nr * sizeof(am_f16)), "GB/s",
                    false, "tile_f16 m=%zu from memory", m);
    }
    free(a);
    free(panels);
    free(out);
}

const check_test check_gemm_tests[] = {
    {"gemm_f32", check_f32, bench_f32},
    {"gemm_f16", check_f16, bench_f16},
    {"gemm_infinite", check_infinite, NULL},
    {NULL, NULL, NULL},
};
