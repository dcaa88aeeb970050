/* The quietest place: see quiet.h. */
#include "speech/quiet.h"

#include <assert.h>

#define STEP 320 /* 20 ms */
#define SPAN 10  /* steps that are quiet together */

size_t am__quiet_place(const float *x, size_t n, size_t from) {
    double energies[SPAN] = {0}; /* of the last SPAN steps, in a ring */
    double sum = 0, least = 0;
    size_t best = 0;
    const size_t n_steps = (n - from) / STEP;
    assert(from < n && n_steps > SPAN);
    for (size_t step = 0; step < n_steps; step++) {
        const float *at = x + from + step * STEP;
        double energy = 0;
        for (size_t i = 0; i < STEP; i++) energy += (double)at[i] * (double)at[i];
        energies[step % SPAN] = energy;
        if (step + 1 < SPAN) continue;
        sum = 0; /* anew each time: a running sum would keep the rounding of loud steps */
        for (size_t i = 0; i < SPAN; i++) sum += energies[i];
        if (best == 0 || sum <= least) {
            least = sum;
            best = from + (step + 1) * STEP - SPAN * STEP / 2;
        }
    }
    return best;
}
