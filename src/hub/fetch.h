/*
 * One URL into one file, resumed where an earlier attempt stopped. Knows nothing of models.
 */
#ifndef AM_HUB_FETCH_H
#define AM_HUB_FETCH_H

#include "hub/sha256.h"

typedef struct am_fetch {
    const char *url;    /* http, https or file */
    const char *path;   /* grows; bytes that are there are kept and asked for no more */
    const char *token;  /* bearer token, not sent on to other hosts; or NULL */
    const char *label;  /* file name given to the progress callback */
    am_pull_progress_fn *progress;
    void *user;
} am_fetch;

typedef struct am_fetched {
    uint64_t n_bytes;            /* of the whole file */
    bool resumed;                /* part of it is from an earlier attempt */
    char sha256[AM_SHA256_HEX];  /* what the server says it is; "" when it does not */
} am_fetched;

/*
 * Errors: E_NETWORK (server not reached, stalled, refused; the bytes so far are kept), E_NOT_FOUND
 * (no such file there), E_NO_SPACE and E_IO (writing), E_CANCELLED.
 */
AM_CHECK_RESULT am_status am__fetch(const am_fetch *fetch, am_fetched *fetched, am_error *error);

#endif
