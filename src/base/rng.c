/* xoshiro256**: see rng.h. */
#include "base/rng.h"

#include <math.h>

static uint64_t rotate_left(uint64_t x, int k) {
    return (x << k) | (x >> (64 - k));
}

void am__rng_seed(am_rng *rng, uint64_t seed) {
    for (int i = 0; i < 4; i++) {
        seed += 0x9e3779b97f4a7c15u;
        uint64_t z = seed;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        rng->s[i] = z ^ (z >> 31);
    }
}

uint64_t am__rng_next(am_rng *rng) {
    uint64_t *s = rng->s;
    const uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    const uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

double am__rng_uniform(am_rng *rng) {
    return (double)(am__rng_next(rng) >> 11) * 0x1p-53;
}

uint64_t am__rng_below(am_rng *rng, uint64_t limit) {
    /* Draws in the last, incomplete stretch of `limit` values are thrown away: no bias. */
    const uint64_t end = UINT64_MAX - UINT64_MAX % limit;
    uint64_t draw;
    do {
        draw = am__rng_next(rng);
    } while (draw >= end);
    return draw % limit;
}

double am__rng_normal(am_rng *rng) {
    const double u = 1.0 - am__rng_uniform(rng); /* (0, 1]: log is finite */
    const double v = am__rng_uniform(rng);
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}
