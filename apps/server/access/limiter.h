/*
 * How often somebody may ask: a token bucket for each name (a key, an address), in a table of
 * fixed size. Any thread.
 */
#ifndef AM_SERVER_ACCESS_LIMITER_H
#define AM_SERVER_ACCESS_LIMITER_H

#include <stdbool.h>

#include "amanuensis.h"

typedef struct limiter limiter;

/* A bucket holds a minute's requests and fills evenly. */
AM_CHECK_RESULT am_status limiter_new(int per_minute, limiter **made, am_error *error);
void limiter_free(limiter **old);

/* Takes a token at the time `now` (clock_now): false when there is none, and *wait_s until there
 * is. *left is what remains. */
bool limiter_take(limiter *l, const char *name, double now, int *left, double *wait_s);

#endif
