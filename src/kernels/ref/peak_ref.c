/* peak.h in plain C: the limits of a CPU for which no instruction set has kernels. */
#include "kernels/ref/ref.h"

#define CHAINS 12

double am_peak_f32__ref(size_t n) {
    volatile float used;
    float sum[CHAINS];
    for (size_t i = 0; i < CHAINS; i++) sum[i] = (float)i;
    for (size_t step = 0; step < n; step++) {
        for (size_t i = 0; i < CHAINS; i++) sum[i] = sum[i] * 0.999f + 0.001f;
    }
    for (size_t i = 0; i < CHAINS; i++) used = sum[i];
    (void)used;
    return 2.0 * CHAINS * (double)n;
}

double am_peak_s8__ref(size_t n) {
    volatile uint32_t used;
    uint32_t sum[CHAINS];
    for (size_t i = 0; i < CHAINS; i++) sum[i] = (uint32_t)i;
    for (size_t step = 0; step < n; step++) {
        for (size_t i = 0; i < CHAINS; i++) sum[i] += (sum[i] & 0xff) * 113;
    }
    for (size_t i = 0; i < CHAINS; i++) used = sum[i];
    (void)used;
    return 2.0 * CHAINS * (double)n;
}

uint32_t am_peak_read__ref(const void *bytes, size_t n) {
    const uint32_t *words = bytes;
    uint32_t sum = 0;
    for (size_t i = 0; i < n / sizeof *words; i++) sum += words[i];
    return sum;
}
