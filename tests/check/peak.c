/*
 * Fused multiply-adds, and dot products of small integers, as fast as this level's registers allow;
 * compiled once per level.
 */
#include AM_LANES_FILE
#include "check.h"

#include <time.h>

#include "kernels/simd/unroll.inc"

#define CHAINS 12
#define STEPS 200000
#define ROUNDS 60

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

double AM_ISA(peak_gflops)(void) {
    double best = 0;
    for (int round = 0; round < ROUNDS; round++) {
        v_f32 sum[CHAINS];
        AM_UNROLL for (size_t i = 0; i < CHAINS; i++) sum[i] = v_set((float)i);
        const v_f32 factor = v_set(0.999f);
        const v_f32 term = v_set(0.001f);
        const double start = now();
        for (int step = 0; step < STEPS; step++) {
            AM_UNROLL for (size_t i = 0; i < CHAINS; i++) sum[i] = v_fma(sum[i], factor, term);
        }
        const double seconds = now() - start;
        for (size_t i = 1; i < CHAINS; i++) sum[0] = v_add(sum[0], sum[i]);
        const double rate = 2.0 * LANES * CHAINS * STEPS / seconds * 1e-9;
        if (v_sum(sum[0]) > 0 && rate > best) best = rate; /* the sums are used */
    }
    return best;
}

/*
 * Each sum is its own factor, or the products would be the same and computed once; the empty
 * assembly keeps the compiler from reordering them until they do not fit the registers.
 */
double AM_ISA(peak_gops)(void) {
    static volatile int32_t used;
    double best = 0;
    for (int round = 0; round < ROUNDS; round++) {
        v_i32 sum[CHAINS];
        AM_UNROLL for (size_t i = 0; i < CHAINS; i++) sum[i] = v_set_i((int32_t)i);
        const v_i32 factor = v_set_i(0x01020304);
        const double start = now();
        for (int step = 0; step < STEPS; step++) {
            AM_UNROLL for (size_t i = 0; i < CHAINS; i++) {
                sum[i] = v_dot(sum[i], sum[i], factor);
                __asm__("" : "+v"(sum[i]));
            }
        }
        const double seconds = now() - start;
        for (size_t i = 1; i < CHAINS; i++) sum[0] = v_add_i(sum[0], sum[i]);
        int32_t lanes[LANES];
        v_store_i(lanes, sum[0]);
        used = lanes[0];
        const double rate = 2.0 * DOT_GROUP * LANES * CHAINS * STEPS / seconds * 1e-9;
        if (rate > best) best = rate;
    }
    (void)used;
    return best;
}
