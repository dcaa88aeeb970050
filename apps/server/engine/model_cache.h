/*
 * The models of the server: loaded when first asked for, shared by all requests, unloaded when
 * others need the room or nobody has asked for long. A client names installed models of the
 * catalogue and those the operator named; a path never comes from a request.
 */
#ifndef AM_SERVER_ENGINE_MODEL_CACHE_H
#define AM_SERVER_ENGINE_MODEL_CACHE_H

#include "common/options.h"

typedef struct models models;
typedef struct model model;

AM_CHECK_RESULT am_status models_new(const options *opts, models **list, am_error *error);
void models_free(models **list); /* no model may be in use */

/* The model of a client's name ("", "base", "whisper-1", "Systran/faster-whisper-base"), loaded if
 * need be; until models_release it stays. E_NOT_FOUND: no such model here. */
AM_CHECK_RESULT am_status models_acquire(models *list, const char *name, model **chosen,
                                         am_error *error);
void models_release(models *list, model *chosen);
/* The id a client's name stands for, without loading; "" when there is none. */
void models_resolve(models *list, const char *name, char *id, size_t size);

am_engine *model_engine(model *chosen);
am_pool *model_pool(model *chosen);
const char *model_id(const model *chosen);
/* E_UNSUPPORTED when it was never trained for the task. */
AM_CHECK_RESULT am_status model_check_task(model *chosen, am_task task, am_error *error);

typedef struct model_state {
    char id[128];
    bool installed, loaded, is_default, multilingual; /* multilingual: of loaded ones */
    int n_users;
    uint64_t n_bytes;     /* of weights in memory, or of files */
    double load_seconds;
    am_pool_stats pool;   /* of loaded ones */
    int64_t created;      /* when its files were written, seconds since 1970; 0 = unknown */
} model_state;

/* All that clients may name; an array of heap.h, the caller's. */
AM_CHECK_RESULT am_status models_states(models *list, model_state **states, size_t *n_states,
                                        am_error *error);
/* Unloads what has not been used for the time to live; called now and then. */
void models_expire(models *list);

#endif
