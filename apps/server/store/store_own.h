/* Inside of the store: shared by its files alone. */
#ifndef AM_SERVER_STORE_STORE_OWN_H
#define AM_SERVER_STORE_STORE_OWN_H

#include <pthread.h>

#include "common/heap.h"
#include "server/store/sql.h"
#include "server/store/store.h"

struct store {
    pthread_mutex_t lock; /* one statement at a time: each takes well under a millisecond */
    sql *db;
};

/* A transaction with the lock held; the status of the whole comes out. */
AM_CHECK_RESULT am_status store_begin(store *s, am_error *error);
AM_CHECK_RESULT am_status store_end(store *s, am_status so_far, am_error *error);

#endif
