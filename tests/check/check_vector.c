/* vector_f32.h against the reference, whose loops are in double. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "check.h"

static const size_t lengths[] = {1,  2,  3,  7,  8,  9,  15,  16,  17,
                                 31, 32, 33, 63, 64, 65, 384, 1500};
#define N_LENGTHS (sizeof lengths / sizeof *lengths)
#define N_MAX 51866 /* the largest vocabulary */

typedef void vector_case(check *c, size_t n, fill_kind fill);

static void each_length(check *c, const char *name, vector_case *run) {
    for (size_t i = 0; i < N_LENGTHS; i++) {
        for (fill_kind fill = 0; fill < FILL_KINDS; fill++) {
            check_case(c, "%s n=%zu %s", name, lengths[i], check_fill_name(fill));
            run(c, lengths[i], fill);
        }
    }
}

static void layernorm_case(check *c, size_t n, fill_kind fill) {
    float *x = check_floats(c, n);
    float *gamma = check_floats(c, n);
    float *beta = check_floats(c, n);
    check_fill(c, x, n, fill);
    float *want = check_out(c, 1, n, n, sizeof *want);
    float *got = check_out(c, 1, n, n, sizeof *got);
    am__kernels_ref.layernorm_f32(want, x, gamma, beta, n);
    c->kernels->layernorm_f32(got, x, gamma, beta, n);
    double mean = 0;
    double square = 0;
    double most = 0;
    for (size_t i = 0; i < n; i++) mean += (double)x[i] / (double)n;
    for (size_t i = 0; i < n; i++) {
        square += ((double)x[i] - mean) * ((double)x[i] - mean) / (double)n;
        most = fmax(most, fabs((double)x[i]));
    }
    const double scale = 1 / sqrt(square + 1e-5);
    for (size_t i = 0; i < n; i++) {
        const double size = 2 * most * scale * fabs((double)gamma[i]) + fabs((double)beta[i]);
        check_near(c, (double)got[i], (double)want[i],
                   CHECK_EPSILON * ((double)n / 8 + 16) * size + CHECK_TINY, i);
    }
    c->kernels->layernorm_f32(x, x, gamma, beta, n); /* in place */
    check_true(c, memcmp(x, got, n * sizeof *x) == 0, "differs in place");
}

static void check_layernorm(check *c) {
    each_length(c, "layernorm", layernorm_case);
}

/* Scores as attention has them, or logits with masked entries. */
static void fill_scores(check *c, float *x, size_t n, fill_kind fill) {
    check_fill(c, x, n, fill);
    if (fill != FILL_UNIFORM) return;
    for (size_t i = 0; i < n; i++) x[i] *= 60;
    for (size_t i = 0; i + 1 < n; i += 5) x[i] = -INFINITY;
}

static void softmax_case(check *c, size_t n, fill_kind fill) {
    float *x = check_floats(c, n);
    fill_scores(c, x, n, fill);
    float *want = check_out(c, 1, n, n, sizeof *want);
    float *got = check_out(c, 1, n, n, sizeof *got);
    memcpy(want, x, n * sizeof *x);
    memcpy(got, x, n * sizeof *x);
    am__kernels_ref.softmax_f32(want, n);
    c->kernels->softmax_f32(got, n);
    float most = -INFINITY;
    for (size_t i = 0; i < n; i++) most = fmaxf(most, x[i]);
    for (size_t i = 0; i < n; i++) {
        /* Of the difference, the exponential (2 ulp of up to 2), the sum and the quotient. */
        const double distance = fmin((double)most - (double)x[i], 200);
        const double relative = CHECK_EPSILON * (distance + 12 + (double)n / 8);
        check_near(c, (double)got[i], (double)want[i], relative * (double)want[i] + 2 * CHECK_TINY,
                   i);
        check_true(c, x[i] != -INFINITY || got[i] == 0, "-inf has a share");
    }
}

static void check_softmax(check *c) {
    each_length(c, "softmax", softmax_case);
    /* The exponential alone: two entries, the second's share is e^x. */
    for (int i = 0; i < 1100; i++) {
        const float x = -0.1f * (float)i + (float)check_uniform(c, -0.1, 0);
        check_case(c, "softmax {0, %.9g} and 14 times -inf", (double)x);
        float *got = check_out(c, 1, 16, 16, sizeof *got);
        got[0] = 0;
        for (size_t j = 1; j < 16; j++) got[j] = -INFINITY;
        got[5] = x;
        c->kernels->softmax_f32(got, 16);
        const double want = exp((double)x) / (1 + exp((double)x));
        check_near(c, (double)got[5], want, want * 8 * CHECK_EPSILON + CHECK_TINY, 5);
    }
}

static void logsumexp_case(check *c, size_t n, fill_kind fill) {
    float *x = check_floats(c, n);
    fill_scores(c, x, n, fill);
    const double want = (double)am__kernels_ref.logsumexp_f32(x, n);
    const double got = (double)c->kernels->logsumexp_f32(x, n);
    check_near(c, got, want, CHECK_EPSILON * (4 * fabs(want) + 16 + (double)n / 8), 0);
}

static void check_logsumexp(check *c) {
    each_length(c, "logsumexp", logsumexp_case);
    check_case(c, "logsumexp n=%d", N_MAX);
    logsumexp_case(c, N_MAX, FILL_UNIFORM);
    for (size_t n = 1; n < 40; n++) {
        check_case(c, "logsumexp of %zu times -inf", n);
        float *x = check_floats(c, n);
        for (size_t i = 0; i < n; i++) x[i] = -INFINITY;
        check_near(c, (double)c->kernels->logsumexp_f32(x, n), (double)-INFINITY, 0, 0);
    }
}

static void argmax_case(check *c, size_t n, fill_kind fill) {
    float *x = check_floats(c, n);
    check_fill(c, x, n, fill);
    const size_t want = am__kernels_ref.argmax_f32(x, n);
    check_near(c, (double)c->kernels->argmax_f32(x, n), (double)want, 0, 0);
    /* Two equal maxima, here and at the end. */
    const size_t first = (size_t)am__rng_below(&c->rng, n);
    x[first] = x[n - 1] = 3e15f;
    check_near(c, (double)c->kernels->argmax_f32(x, n), (double)first, 0, 1);
    for (size_t i = 0; i < n; i++) x[i] = -INFINITY;
    check_near(c, (double)c->kernels->argmax_f32(x, n), 0, 0, 2);
    x[first] = -FLT_MAX; /* in front of zeros that only a padded vector has */
    check_near(c, (double)c->kernels->argmax_f32(x, n), (double)first, 0, 3);
}

static void check_argmax(check *c) {
    each_length(c, "argmax", argmax_case);
    check_case(c, "argmax n=%d", N_MAX);
    argmax_case(c, N_MAX, FILL_UNIFORM);
}

static void top_case(check *c, size_t n, fill_kind fill) {
    float *x = check_floats(c, n);
    fill_scores(c, x, n, fill);
    for (size_t i = 0; i < n / 3; i++) { /* equal ones */
        x[am__rng_below(&c->rng, n)] = x[am__rng_below(&c->rng, n)];
    }
    const size_t k = 1 + am__rng_below(&c->rng, AM_TOP_MAX);
    float *values = check_out(c, 1, k, k, sizeof *values);
    int32_t *indices = check_out(c, 1, k, k, sizeof *indices);
    float want_values[AM_TOP_MAX];
    int32_t want_indices[AM_TOP_MAX];
    const size_t want = am__kernels_ref.top_f32(x, n, k, want_values, want_indices);
    const size_t found = c->kernels->top_f32(x, n, k, values, indices);
    check_near(c, (double)found, (double)want, 0, 0);
    for (size_t i = 0; i < want && i < found; i++) {
        check_near(c, (double)values[i], (double)want_values[i], 0, i);
        check_near(c, indices[i], want_indices[i], 0, i);
        check_near(c, (double)values[i], (double)x[indices[i]], 0, i);
        check_true(c, i == 0 || values[i] < values[i - 1] ||
                          (values[i] == values[i - 1] && indices[i] > indices[i - 1]),
                   "not in falling order");
    }
}

static void check_top(check *c) {
    each_length(c, "top", top_case);
    check_case(c, "top n=%d", N_MAX);
    top_case(c, N_MAX, FILL_UNIFORM);
    check_case(c, "top of -inf");
    float *x = check_floats(c, 100);
    float values[2];
    int32_t indices[2];
    for (size_t i = 0; i < 100; i++) x[i] = i == 70 ? -FLT_MAX : -INFINITY;
    check_near(c, (double)c->kernels->top_f32(x, 100, 2, values, indices), 1, 0, 0);
    check_near(c, indices[0], 70, 0, 1);
}

static void gelu_case(check *c, size_t n, fill_kind fill) {
    float *x = check_floats(c, n);
    check_fill(c, x, n, fill);
    if (fill == FILL_UNIFORM) {
        for (size_t i = 0; i < n; i++) x[i] *= 8;
    }
    float *want = check_out(c, 1, n, n, sizeof *want);
    float *got = check_out(c, 1, n, n, sizeof *got);
    am__kernels_ref.gelu_f32(want, x, n);
    c->kernels->gelu_f32(got, x, n);
    for (size_t i = 0; i < n; i++) {
        check_near(c, (double)got[i], (double)want[i], 1e-6 * fmax(1, fabs((double)x[i])), i);
    }
    c->kernels->gelu_f32(x, x, n);
    check_true(c, memcmp(x, got, n * sizeof *x) == 0, "differs in place");
}

static void check_gelu(check *c) {
    each_length(c, "gelu", gelu_case);
}

static void add_case(check *c, size_t n, fill_kind fill) {
    float *x = check_floats(c, n);
    float *y = check_floats(c, n);
    check_fill(c, x, n, fill);
    float *got = check_out(c, 1, n, n, sizeof *got);
    memcpy(got, y, n * sizeof *y);
    c->kernels->add_f32(got, x, n);
    for (size_t i = 0; i < n; i++) check_near(c, (double)got[i], (double)(x[i] + y[i]), 0, i);
}

static void check_add(check *c) {
    each_length(c, "add", add_case);
}

/* The definition, value by value: signs of the transform are parities of common bits. */
static void rotate_case(check *c, size_t n, fill_kind fill) {
    const size_t p = am__rotation(n);
    float *x = check_floats(c, n);
    float *want = check_floats(c, n);
    check_fill(c, x, n, fill);
    float *y = check_out(c, 1, n, n, sizeof *y);
    c->kernels->rotate_f32(y, x, n);
    am__kernels_ref.rotate_f32(want, x, n);
    for (size_t i = 0; i < n; i++) {
        const size_t row = i / AM_ROTATION_STRIDE % p;
        double sum = 0;
        double size = 0;
        for (size_t k = 0; k < p; k++) {
            const double term = (double)x[i - row * AM_ROTATION_STRIDE + k * AM_ROTATION_STRIDE];
            sum += __builtin_parity((unsigned)(row & k)) != 0 ? -term : term;
            size += fabs(term);
        }
        check_near(c, (double)y[i], (double)want[i], 0, i);
        check_near(c, (double)y[i], sum, 1e-6 * size, i);
    }
    c->kernels->rotate_f32(x, x, n); /* in place */
    for (size_t i = 0; i < n; i++) check_near(c, (double)x[i], (double)want[i], 0, i);
}

static void check_rotate(check *c) {
    static const size_t rotated[] = {1,   15,  16,  17,  32,  48,   64,   96,
                                     128, 256, 384, 512, 768, 1152, 1280, 1536};
    for (size_t i = 0; i < sizeof rotated / sizeof rotated[0]; i++) {
        check_case(c, "rotate n=%zu of %zu", rotated[i], am__rotation(rotated[i]));
        rotate_case(c, rotated[i], FILL_UNIFORM);
    }
}

static void log10_case(check *c, size_t n, fill_kind fill) {
    float *x = check_floats(c, n);
    check_fill(c, x, n, fill);
    const double least = pow(10, check_uniform(c, -10, -1));
    for (size_t i = 0; i < n && fill == FILL_UNIFORM; i++) {
        x[i] = (float)pow(10, check_uniform(c, -12, 6));
    }
    if (fill == FILL_SPIKE) x[0] = INFINITY;
    float *want = check_out(c, 1, n, n, sizeof *want);
    float *got = check_out(c, 1, n, n, sizeof *got);
    am__kernels_ref.log10_f32(want, x, n, (float)least);
    c->kernels->log10_f32(got, x, n, (float)least);
    for (size_t i = 0; i < n; i++) {
        check_near(c, (double)got[i], (double)want[i], fill == FILL_HUGE ? 2e-6 : 1e-6, i);
    }
}

static void check_log10(check *c) {
    each_length(c, "log10", log10_case);
}

/* Every half there is, and every length of the tail. */
static void check_f16_to_f32(check *c) {
    for (uint32_t first = 0; first < 65536; first += 1024) {
        const size_t n = 1024 - first / 1024 % 40; /* lengths that leave tails */
        check_case(c, "halves from %#x, n=%zu", first, n);
        am_f16 *x = check_bytes(c, n * sizeof *x);
        for (size_t i = 0; i < n; i++) x[i] = (am_f16)(first + i);
        float *want = check_out(c, 1, n, n, sizeof *want);
        float *got = check_out(c, 1, n, n, sizeof *got);
        am__kernels_ref.f16_to_f32(want, x, n);
        c->kernels->f16_to_f32(got, x, n);
        for (size_t i = 0; i < n; i++) {
            check_near(c, (double)got[i], (double)want[i], 0, i);
            check_true(c, isnan(want[i]) || signbit(got[i]) == signbit(want[i]), "sign of zero");
        }
    }
    for (uint32_t rest = 0; rest < 40; rest++) { /* what the shorter stretches left out */
        const uint32_t first = 1024 * rest + 1024 - rest % 40;
        check_case(c, "halves before %#x", first + rest);
        am_f16 *x = check_bytes(c, (rest + 1) * sizeof *x);
        for (uint32_t i = 0; i <= rest; i++) x[i] = (am_f16)(first + i);
        float *got = check_out(c, 1, rest + 1, rest + 1, sizeof *got);
        c->kernels->f16_to_f32(got, x, rest + 1);
        for (uint32_t i = 0; i <= rest; i++) {
            float want;
            am__kernels_ref.f16_to_f32(&want, &x[i], 1);
            check_near(c, (double)got[i], (double)want, 0, i);
        }
    }
}

/* At, just below and just above every half and every middle between two. */
static void check_f32_to_f16(check *c) {
    const size_t n = 6 * 128 + 5;
    for (uint32_t first = 0; first < 65536; first += 128) {
        check_case(c, "around halves from %#x", first);
        float *x = check_floats(c, n); /* the last five: uniform */
        for (uint32_t i = 0; i < 128; i++) {
            const am_f16 pair[2] = {(am_f16)(first + i), (am_f16)(first + i + 1)};
            float value[2];
            am__kernels_ref.f16_to_f32(value, pair, 2);
            const float middle = (value[0] + value[1]) / 2;
            x[6 * i] = value[0];
            x[6 * i + 1] = nextafterf(value[0], INFINITY);
            x[6 * i + 2] = nextafterf(value[0], -INFINITY);
            x[6 * i + 3] = middle;
            x[6 * i + 4] = nextafterf(middle, INFINITY);
            x[6 * i + 5] = nextafterf(middle, -INFINITY);
        }
        am_f16 *want = check_out(c, 1, n, n, sizeof *want);
        am_f16 *got = check_out(c, 1, n, n, sizeof *got);
        am__kernels_ref.f32_to_f16(want, x, n);
        c->kernels->f32_to_f16(got, x, n);
        for (size_t i = 0; i < n; i++) {
            check_true(c, got[i] == want[i] || isnan(x[i]), "rounds otherwise");
            check_true(c, !isnan(x[i]) || ((got[i] & 0x7c00) == 0x7c00 && (got[i] & 0x3ff) != 0),
                       "NaN is lost");
        }
    }
    for (size_t length = 1; length < 40; length++) {
        check_case(c, "n=%zu", length);
        float *x = check_floats(c, length);
        am_f16 *got = check_out(c, 1, length, length, sizeof *got);
        c->kernels->f32_to_f16(got, x, length);
        for (size_t i = 0; i < length; i++) {
            am_f16 want;
            am__kernels_ref.f32_to_f16(&want, &x[i], 1);
            check_near(c, (double)got[i], (double)want, 0, i);
        }
    }
}

#define BENCH_N 1500

typedef struct vector_bench {
    float x[BENCH_N], y[BENCH_N], gamma[BENCH_N];
    am_f16 halves[BENCH_N];
} vector_bench;

static vector_bench bench_data;

static void prepare(check *c) {
    check_fill(c, bench_data.x, BENCH_N, FILL_UNIFORM);
    check_fill(c, bench_data.y, BENCH_N, FILL_UNIFORM);
    check_fill(c, bench_data.gamma, BENCH_N, FILL_UNIFORM);
    am__kernels_ref.f32_to_f16(bench_data.halves, bench_data.x, BENCH_N);
}

#define BENCH(name, call)                                                            \
    static void time_##name(const am_kernels *k, void *data) {                       \
        vector_bench *b = data;                                                      \
        call;                                                                        \
    }                                                                                \
    static void bench_##name(check *c) {                                             \
        prepare(c);                                                                  \
        check_bench(c, time_##name, &bench_data, BENCH_N, "G values/s", true,        \
                    #name " n=%d", BENCH_N);                                         \
    }

BENCH(layernorm, k->layernorm_f32(b->y, b->x, b->gamma, b->gamma, BENCH_N))
BENCH(softmax, k->softmax_f32(b->y, BENCH_N))
BENCH(logsumexp, b->y[0] = k->logsumexp_f32(b->x, BENCH_N))
BENCH(argmax, b->y[0] = (float)k->argmax_f32(b->x, BENCH_N))
BENCH(top, k->top_f32(b->x, BENCH_N, 6, b->y, (int32_t *)(void *)b->gamma))
BENCH(gelu, k->gelu_f32(b->y, b->x, BENCH_N))
BENCH(add, k->add_f32(b->y, b->x, BENCH_N))
BENCH(rotate, k->rotate_f32(b->y, b->x, BENCH_N / 512 * 512))
BENCH(f16_to_f32, k->f16_to_f32(b->y, b->halves, BENCH_N))
BENCH(f32_to_f16, k->f32_to_f16(b->halves, b->x, BENCH_N))
BENCH(log10, k->log10_f32(b->y, b->x, BENCH_N, 1e-10f))

const check_test check_vector_tests[] = {
    {"layernorm_f32", check_layernorm, bench_layernorm},
    {"softmax_f32", check_softmax, bench_softmax},
    {"logsumexp_f32", check_logsumexp, bench_logsumexp},
    {"argmax_f32", check_argmax, bench_argmax},
    {"top_f32", check_top, bench_top},
    {"gelu_f32", check_gelu, bench_gelu},
    {"add_f32", check_add, bench_add},
    {"rotate_f32", check_rotate, bench_rotate},
    {"f16_to_f32", check_f16_to_f32, bench_f16_to_f32},
    {"f32_to_f16", check_f32_to_f16, bench_f32_to_f16},
    {"log10_f32", check_log10, bench_log10},
    {NULL, NULL, NULL},
};
