/* The loops that measure a CPU's limits: see kernels/peak.h. */
#include "check.h"

#include <stdlib.h>

static void check_counts(check *c) {
    am_peak_fn *const loops[] = {c->kernels->peak.f32, c->kernels->peak.s8};
    for (size_t i = 0; i < 2; i++) {
        check_case(c, "%s", i == 0 ? "f32" : "s8");
        const double once = loops[i](1);
        check_true(c, once > 0, "operations are counted");
        check_near(c, loops[i](1000), 1000 * once, 0, i);
        check_near(c, loops[i](0), 0, 0, i);
    }
}

static void check_read(check *c) {
    for (size_t n = 0; n <= 5; n++) {
        check_case(c, "n=%zu", n);
        uint32_t *words = check_bytes(c, n * AM_PEAK_READ);
        for (size_t i = 0; i < n * AM_PEAK_READ / sizeof *words; i++) {
            words[i] = (uint32_t)am__rng_next(&c->rng);
        }
        const uint32_t want = am__kernels_ref.peak.read(words, n * AM_PEAK_READ);
        const uint32_t got = c->kernels->peak.read(words, n * AM_PEAK_READ);
        check_near(c, (double)got, (double)want, 0, n);
    }
}

#define BENCH_STEPS 100000

static void bench_f32(const am_kernels *kernels, void *data) {
    *(double *)data = kernels->peak.f32(BENCH_STEPS);
}

static void bench_s8(const am_kernels *kernels, void *data) {
    *(double *)data = kernels->peak.s8(BENCH_STEPS);
}

static void bench_counts(check *c) {
    double n = 0;
    bench_f32(c->kernels, &n);
    check_bench(c, bench_f32, &n, n, "GFLOP/s", false, "peak f32");
    bench_s8(c->kernels, &n);
    check_bench(c, bench_s8, &n, n, "GOPS", false, "peak s8");
}

const check_test check_peak_tests[] = {
    {"peak", check_counts, bench_counts},
    {"peak_read", check_read, NULL},
    {NULL, NULL, NULL},
};
