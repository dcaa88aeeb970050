/*
 * Transcription as the routes and the jobs ask for it: a recording and its options in, a result
 * out, in its turn. Knows no HTTP.
 *
 * A bounded number of recordings is transcribed at once, sharing the batch of their model; the
 * rest wait in order, requests before jobs of the background, of which there is always room for at
 * least one. What would wait behind a full queue is refused at once.
 */
#ifndef AM_SERVER_ENGINE_SERVICE_H
#define AM_SERVER_ENGINE_SERVICE_H

#include "server/engine/model_cache.h"

typedef struct service service;

AM_CHECK_RESULT am_status service_new(const options *opts, service **made, am_error *error);
void service_free(service **old); /* no work may be under way */
models *service_models(service *s);

typedef struct work {
    const options *opts;        /* resolved: params, audio options */
    const char *model;          /* as the client named it */
    const char *path;           /* of the recording */
    bool background;            /* waits without limit */
    bool detect_only;           /* languages instead of a text */
    const am_callbacks *callbacks; /* from another thread; cancel is asked while waiting too */
    const am_engine *engine;    /* while it runs: its callbacks may ask it for texts of tokens */
    /* Results. */
    char model_id[128];
    double duration_s;          /* by the container, -1 = unknown */
    double waited_s, processing_s;
    am_language_prob languages[128]; /* of detect_only */
    size_t n_languages;
} work;

/*
 * Transcribes; blocks until it is done. *result is the caller's on AM_OK. E_LIMIT: the queue is
 * full, or the recording too long (*busy tells); what am_audio_open_file and am_transcribe return.
 */
AM_CHECK_RESULT am_status service_run(service *s, work *w, am_result **result, bool *busy,
                                      am_error *error);

/* No new work, and all under way is cancelled once `at_once` is true. */
void service_close(service *s, bool at_once);

typedef struct service_stats {
    int n_active, n_waiting;
    bool closing;
    uint64_t n_done, n_failed, n_cancelled, n_refused;
    double audio_s, processing_s; /* of what is done */
} service_stats;
service_stats service_get_stats(service *s);

#endif
