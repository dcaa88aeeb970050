/* attn_f32.h and fft_f32.h: kernels that walk over rows in memory. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static const size_t counts[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 31, 100};
#define N_COUNTS (sizeof counts / sizeof *counts)
#define N_ROWS_MAX 112

typedef struct rows_case {
    size_t n, stride;
    bool indexed;
    fill_kind fill;
} rows_case;

typedef void run_rows(check *c, const rows_case *r, const float *base, const int32_t *rows);

/* Row indices in any order, with the last row of the memory among them. */
static int32_t *pick_rows(check *c, size_t n, size_t n_rows) {
    int32_t *rows = check_bytes(c, n * sizeof *rows);
    for (size_t p = 0; p < n; p++) rows[p] = (int32_t)am__rng_below(&c->rng, n_rows);
    rows[am__rng_below(&c->rng, n)] = (int32_t)n_rows - 1;
    return rows;
}

static void each_rows_case(check *c, run_rows *run) {
    static const size_t strides[] = {64, 65, 384, 1280};
    for (size_t i = 0; i < N_COUNTS; i++) {
        for (size_t s = 0; s < sizeof strides / sizeof *strides; s++) {
            for (int indexed = 0; indexed < 2; indexed++) {
                const fill_kind fill = (fill_kind)am__rng_below(&c->rng, FILL_KINDS);
                const rows_case r = {counts[i], strides[s], indexed != 0, fill};
                check_case(c, "n=%zu stride=%zu %s %s", r.n, r.stride,
                           indexed != 0 ? "indexed" : "in order", check_fill_name(fill));
                const size_t n_rows = indexed != 0 ? N_ROWS_MAX : r.n;
                float *base = check_floats(c, (n_rows - 1) * r.stride + AM_HEAD_DIM);
                check_fill(c, base, (n_rows - 1) * r.stride + AM_HEAD_DIM, fill);
                run(c, &r, base, indexed != 0 ? pick_rows(c, r.n, n_rows) : NULL);
            }
        }
    }
}

static const float *row_of(const rows_case *r, const float *base, const int32_t *rows, size_t p) {
    return base + (rows != NULL ? (size_t)rows[p] : p) * r->stride;
}

static void run_scores(check *c, const rows_case *r, const float *base, const int32_t *rows) {
    const float *q = check_floats(c, AM_HEAD_DIM);
    float *want = check_out(c, 1, r->n, r->n, sizeof *want);
    float *got = check_out(c, 1, r->n, r->n, sizeof *got);
    am__kernels_ref.attn_scores_f32(q, base, r->stride, rows, r->n, 0.125f, want);
    c->kernels->attn_scores_f32(q, base, r->stride, rows, r->n, 0.125f, got);
    for (size_t p = 0; p < r->n; p++) {
        double size = 0;
        for (size_t i = 0; i < AM_HEAD_DIM; i++) {
            size += fabs((double)q[i] * (double)row_of(r, base, rows, p)[i]);
        }
        check_near(c, (double)got[p], (double)want[p],
                   (AM_HEAD_DIM + 2) * (CHECK_EPSILON * 0.125 * size + CHECK_TINY), p);
    }
}

static void check_scores(check *c) {
    each_rows_case(c, run_scores);
}

static void run_mix(check *c, const rows_case *r, const float *base, const int32_t *rows) {
    const float *weights = check_floats(c, r->n);
    float *want = check_out(c, 1, AM_HEAD_DIM, AM_HEAD_DIM, sizeof *want);
    float *got = check_out(c, 1, AM_HEAD_DIM, AM_HEAD_DIM, sizeof *got);
    am__kernels_ref.attn_mix_f32(weights, base, r->stride, rows, r->n, want);
    c->kernels->attn_mix_f32(weights, base, r->stride, rows, r->n, got);
    for (size_t i = 0; i < AM_HEAD_DIM; i++) {
        double size = 0;
        for (size_t p = 0; p < r->n; p++) {
            size += fabs((double)weights[p] * (double)row_of(r, base, rows, p)[i]);
        }
        check_near(c, (double)got[i], (double)want[i],
                   ((double)r->n + 2) * (CHECK_EPSILON * size + CHECK_TINY), i);
    }
}

/* The f16 forms do on converted rows what the f32 ones do: to the bit. */
static void run_halves(check *c, const rows_case *r, const float *base, const int32_t *rows) {
    const size_t n_rows = rows != NULL ? N_ROWS_MAX : r->n;
    const size_t n_values = (n_rows - 1) * r->stride + AM_HEAD_DIM;
    const float *q = check_floats(c, r->n > AM_HEAD_DIM ? r->n : AM_HEAD_DIM);
    am_f16 *halves = check_bytes(c, n_values * sizeof *halves);
    float *whole = check_floats(c, n_values);
    for (size_t i = 0; i < n_values; i++) {
        const float bounded = fmaxf(-6e4f, fminf(6e4f, base[i]));
        am__kernels_ref.f32_to_f16(halves + i, &bounded, 1);
    }
    am__kernels_ref.f16_to_f32(whole, halves, n_values);
    float *got = check_out(c, 1, r->n, r->n, sizeof *got);
    float *mixed = check_out(c, 1, AM_HEAD_DIM, AM_HEAD_DIM, sizeof *mixed);
    float want[N_ROWS_MAX];
    c->kernels->attn_scores_f32(q, whole, r->stride, rows, r->n, 0.125f, want);
    c->kernels->attn_scores_f16(q, halves, r->stride, rows, r->n, 0.125f, got);
    for (size_t p = 0; p < r->n; p++) check_near(c, (double)got[p], (double)want[p], 0, p);
    c->kernels->attn_mix_f32(q, whole, r->stride, rows, r->n, want);
    c->kernels->attn_mix_f16(q, halves, r->stride, rows, r->n, mixed);
    for (size_t i = 0; i < AM_HEAD_DIM; i++) {
        check_near(c, (double)mixed[i], (double)want[i], 0, i);
    }
}

static void check_halves(check *c) {
    each_rows_case(c, run_halves);
}

static void check_mix(check *c) {
    each_rows_case(c, run_mix);
}

/* The error of a bin's amplitude is bounded by the energy of the frame, whatever the bin holds:
 * log2(400) steps of a few eps (Higham, "Accuracy and Stability of Numerical Algorithms", 24.1). */
static void check_fft(check *c) {
    static const size_t frames[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 33};
    float window[AM_FFT_SIZE];
    for (size_t i = 0; i < AM_FFT_SIZE; i++) {
        window[i] = (float)(0.5 - 0.5 * cos(6.283185307179586 * (double)i / AM_FFT_SIZE));
    }
    for (size_t f = 0; f < sizeof frames / sizeof *frames; f++) {
        for (fill_kind fill = 0; fill < FILL_KINDS; fill++) {
            const size_t n = frames[f];
            const size_t hop = fill == FILL_UNIFORM ? 160 : 1 + (size_t)am__rng_below(&c->rng, 500);
            const size_t stride = AM_FFT_BINS + (size_t)am__rng_below(&c->rng, 4);
            check_case(c, "%zu frames, hop %zu, stride %zu, %s", n, hop, stride,
                       check_fill_name(fill));
            float *samples = check_floats(c, (n - 1) * hop + AM_FFT_SIZE);
            check_fill(c, samples, (n - 1) * hop + AM_FFT_SIZE, fill);
            float *want = check_out(c, n, AM_FFT_BINS, stride, sizeof *want);
            float *got = check_out(c, n, AM_FFT_BINS, stride, sizeof *got);
            am__kernels_ref.fft_power(samples, hop, n, window, want, stride);
            c->kernels->fft_power(samples, hop, n, window, got, stride);
            for (size_t i = 0; i < n * AM_FFT_BINS; i++) {
                const size_t frame = i / AM_FFT_BINS;
                double energy = 0;
                for (size_t s = 0; s < AM_FFT_SIZE; s++) {
                    const double x = (double)samples[frame * hop + s] * (double)window[s];
                    energy += x * x;
                }
                const double error = 20 * CHECK_EPSILON * sqrt(energy);
                const size_t at = frame * stride + i % AM_FFT_BINS;
                check_near(c, (double)got[at], (double)want[at],
                           (2 * sqrt((double)want[at]) + error) * error +
                               4 * CHECK_EPSILON * (double)want[at] + CHECK_TINY,
                           i);
            }
        }
    }
}

typedef struct rows_bench {
    float *keys;
    size_t n, stride, n_layers;
    float *scores;
} rows_bench;

static void time_scores(const am_kernels *kernels, void *data) {
    const rows_bench *b = data;
    float query[AM_HEAD_DIM] = {1};
    for (size_t layer = 0; layer < b->n_layers; layer++) {
        for (size_t at = 0; at + AM_HEAD_DIM <= b->stride; at += AM_HEAD_DIM) {
            kernels->attn_scores_f32(query, b->keys + layer * b->n * b->stride + at, b->stride,
                                     NULL, b->n, 0.125f, b->scores);
        }
    }
}

static void time_mix(const am_kernels *kernels, void *data) {
    const rows_bench *b = data;
    float out[AM_HEAD_DIM];
    for (size_t layer = 0; layer < b->n_layers; layer++) {
        for (size_t at = 0; at + AM_HEAD_DIM <= b->stride; at += AM_HEAD_DIM) {
            kernels->attn_mix_f32(b->scores, b->keys + layer * b->n * b->stride + at, b->stride,
                                  NULL, b->n, out);
        }
    }
}

static void bench_rows(check *c, bench_fn *run, const char *name) {
    static const size_t strides[] = {64, 384, 1280, 2560};
    static float scores[1500];
    for (size_t s = 0; s < sizeof strides / sizeof *strides; s++) {
        const size_t n_layers = strides[s] == 64 ? 1 : ((size_t)16 << 20) / (1500 * strides[s]);
        const size_t n_floats = n_layers * 1500 * strides[s];
        float *keys = malloc(n_floats * sizeof *keys);
        if (keys == NULL) {
            perror("check");
            exit(2);
        }
        for (size_t i = 0; i < n_floats; i++) keys[i] = (float)(i % 61) / 64;
        rows_bench b = {keys, 1500, strides[s], n_layers, scores};
        check_bench(c, run, &b, (double)(n_floats * sizeof *keys), "GB/s", false,
                    "%s stride=%zu %s", name, strides[s], n_layers == 1 ? "in cache" : "");
        free(keys);
    }
}

static void bench_scores(check *c) {
    bench_rows(c, time_scores, "attn_scores");
}

static void bench_mix(check *c) {
    bench_rows(c, time_mix, "attn_mix");
}

#define BENCH_FRAMES 3000

typedef struct fft_bench {
    float *samples;
    float *power;
    size_t n_frames;
} fft_bench;

static void time_fft(const am_kernels *kernels, void *data) {
    const fft_bench *b = data;
    static float window[AM_FFT_SIZE] = {1};
    kernels->fft_power(b->samples, 160, b->n_frames, window, b->power, AM_FFT_BINS);
}

static void bench_fft(check *c) {
    const size_t n_samples = BENCH_FRAMES * 160 + AM_FFT_SIZE;
    float *samples = malloc(n_samples * sizeof *samples);
    float *power = malloc(BENCH_FRAMES * AM_FFT_BINS * sizeof *power);
    if (samples == NULL || power == NULL) {
        perror("check");
        exit(2);
    }
    check_fill(c, samples, n_samples, FILL_UNIFORM);
    fft_bench b = {samples, power, BENCH_FRAMES};
    check_bench(c, time_fft, &b, BENCH_FRAMES * 1e3, "M frames/s", false, "fft_power %d frames",
                BENCH_FRAMES);
    free(samples);
    free(power);
}

const check_test check_rows_tests[] = {
    {"attn_scores_f32", check_scores, bench_scores},
    {"attn_f16", check_halves, NULL},
    {"attn_mix_f32", check_mix, bench_mix},
    {"fft_power", check_fft, bench_fft},
    {NULL, NULL, NULL},
};
