/*
 * xoshiro256** 1.0 (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021),
 * seeded by splitmix64. For sampling tokens and for tests; not for secrets.
 */
#ifndef AM_BASE_RNG_H
#define AM_BASE_RNG_H

#include <stdint.h>

typedef struct am_rng {
    uint64_t s[4];
} am_rng;

void am__rng_seed(am_rng *rng, uint64_t seed);
uint64_t am__rng_next(am_rng *rng);
double am__rng_uniform(am_rng *rng);                 /* [0, 1), 53 bits */
uint64_t am__rng_below(am_rng *rng, uint64_t limit); /* 0 … limit - 1, limit > 0 */
double am__rng_normal(am_rng *rng);                  /* mean 0, variance 1 (Box and Muller) */

#endif
