/*
 * A team of threads that is created once and then runs many short parallel loops: the members
 * spin briefly for the next loop and sleep after that, so that a loop costs microseconds and an
 * idle team costs nothing. No allocation and no thread start per loop.
 */
#ifndef AM_BASE_TEAM_H
#define AM_BASE_TEAM_H

#include "base/status.h"

typedef struct am_team am_team;

/* n_threads >= 1, the caller included. */
AM_CHECK_RESULT am_status am__team_new(int n_threads, am_team **team, am_error *error);
void am__team_free(am_team **team);
int am__team_size(const am_team *team);

/* Part `part` of `n_parts` of a loop; parts may run on any thread, each exactly once. */
typedef void am_team_fn(void *context, size_t part, size_t n_parts);

/*
 * Runs fn for part 0 … n_parts - 1 and returns when all are done. Parts are handed out in order
 * as threads get free. One caller at a time; fn must not call am__team_run on the same team.
 */
void am__team_run(am_team *team, size_t n_parts, am_team_fn *fn, void *context);

#endif
