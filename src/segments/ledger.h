/*
 * Windows get ready in any order; segments leave in order of time. Those of the first unfinished
 * window go straight into the result and to the caller, those of later ones wait here. One thread.
 */
#ifndef AM_SEGMENTS_LEDGER_H
#define AM_SEGMENTS_LEDGER_H

#include <stddef.h>

#include "base/status.h"

#define AM_LEDGER_WINDOWS 256 /* that may be under way beside the first one */

/* A window that was begun. */
typedef struct am_ledger_entry {
    am_result *waiting; /* its segments, NULL while there are none */
    double end_s;       /* of the recording, once it is done */
    bool done;
} am_ledger_entry;

typedef struct am_ledger {
    am_result *result;             /* borrowed */
    const am_callbacks *callbacks; /* borrowed, may be NULL */
    am_ledger_entry entries[AM_LEDGER_WINDOWS]; /* window n is at n % AM_LEDGER_WINDOWS */
    size_t first, next; /* the first unfinished window; the number of the next one */
    double done_s;      /* end of the last one that left */
} am_ledger;

void am__ledger_init(am_ledger *ledger, am_result *result, const am_callbacks *callbacks);
void am__ledger_free(am_ledger *ledger);

bool am__ledger_has_room(const am_ledger *ledger);
/* Numbers one more window. */
size_t am__ledger_begin(am_ledger *ledger);

/* The next segment of a window, copied; the callback gets it now or when it is its turn. */
AM_CHECK_RESULT am_status am__ledger_add(am_ledger *ledger, size_t window,
                                         const am_segment *segment, am_error *error);
/* The window, which ends at end_s, has all its segments. What waited for it leaves. */
AM_CHECK_RESULT am_status am__ledger_end(am_ledger *ledger, size_t window, double end_s,
                                         am_error *error);

/* Everything up to here, in seconds of the recording, is in the result. */
double am__ledger_done(const am_ledger *ledger);

#endif
