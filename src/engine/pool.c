/*
 * Many transcriptions at once: see amanuensis.h.
 *
 * DESIGN. A call of am_pool_transcribe waits for its turn, opens feed and recording in its own
 * thread, and hands the recording to the one thread that owns the batch; when that gives it back,
 * the call takes it apart again. So everything that is one recording's is made and freed by its
 * caller, whose failure it is. The batch's thread takes the lock when there is news (a recording, a
 * window of a feed, a wish to stop) or when a recording ended, not at every step.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "engine/request.h"
#include "engine/session.h"

#define RECORDINGS_MAX 1024
#define POLL_NANOSECONDS 50000000L /* between two questions whether to cancel */

/* In order. */
typedef enum call_state {
    CALL_WAITING, /* for its turn */
    CALL_OPENING, /* has it, and makes its recording */
    CALL_JOINING, /* the batch's thread has yet to take the recording in */
    CALL_RUNNING, /* the recording is the batch's thread's */
    CALL_ENDED,   /* and the caller's again */
} call_state;

/* One call of am_pool_transcribe. */
typedef struct call {
    am_pool *pool;
    const am_callbacks *own;  /* the caller's, may be NULL */
    am_callbacks callbacks;   /* the recording's: own, and the flag below */
    am_request request;
    atomic_bool cancelled;
    pthread_cond_t changed;   /* the state, or the flag */
    call_state state;         /* guarded by the pool's lock */
    struct call *next;        /* guarded by the pool's lock */
} call;

struct am_pool {
    am_session *session;      /* the workspaces: the thread's, but for the aligner's making */
    am_pipeline pipeline;
    am_batch *batch;          /* the thread's */
    size_t n_beams_max, n_recordings_max;
    pthread_t thread;
    bool started;

    pthread_mutex_t lock;     /* guards what follows, up to the atomic ones */
    pthread_cond_t wake;      /* the thread: there is news */
    pthread_cond_t left;      /* am_pool_free: a call has returned */
    call *calls;              /* list in order of arrival */
    size_t n_active, n_waiting;
    uint64_t n_recordings_done;
    uint64_t n_samples;       /* of the recordings that ended */
    bool stopping, quit;

    atomic_bool news;         /* set with the lock held */
    _Atomic uint64_t n_windows, n_windows_done, n_steps, n_rows, busy_ns; /* the thread's to set */
};

/* ---- The thread ---------------------------------------------------------------------------- */

/* With the lock held. */
static void tell_thread(am_pool *pool) {
    atomic_store(&pool->news, true);
    pthread_cond_signal(&pool->wake);
}

/* A feed has a window or has ended: called by its thread. */
static void feed_changed(void *user) {
    am_pool *pool = user;
    pthread_mutex_lock(&pool->lock);
    tell_thread(pool);
    pthread_mutex_unlock(&pool->lock);
}

/* With the lock held. */
static void set_state(call *c, call_state state) {
    c->state = state;
    pthread_cond_signal(&c->changed);
}

/* With the lock held. */
static void take_in(am_pool *pool) {
    atomic_store(&pool->news, false);
    for (call *c = pool->calls; c != NULL; c = c->next) {
        if (c->state != CALL_JOINING) continue;
        am__batch_add(pool->batch, &c->request.recording);
        set_state(c, CALL_RUNNING);
    }
}

/* With the lock held. */
static void give_back(am_pool *pool) {
    for (;;) {
        const am_recording *recording = am__batch_take_ended(pool->batch);
        if (recording == NULL) return;
        call *c = pool->calls;
        while (recording != &c->request.recording) c = c->next;
        set_state(c, CALL_ENDED);
    }
}

/* Turns until there is nothing to do, or something to do with the lock. True in the latter case. */
static bool take_turns(am_pool *pool) {
    bool busy = true;
    while (busy && !atomic_load(&pool->news) && !am__batch_has_ended(pool->batch)) {
        const double start = am__now();
        busy = am__batch_turn(pool->batch);
        const am_work work = am__search_work(pool->session->search);
        if (busy) atomic_fetch_add(&pool->busy_ns, (uint64_t)(1e9 * (am__now() - start)));
        atomic_store(&pool->n_windows, am__batch_busy(pool->batch));
        atomic_store(&pool->n_windows_done, am__batch_done(pool->batch));
        atomic_store(&pool->n_steps, work.steps);
        atomic_store(&pool->n_rows, work.rows);
    }
    return busy;
}

static void *run(void *argument) {
    am_pool *pool = argument;
    bool busy = false;
    pthread_mutex_lock(&pool->lock);
    while (!pool->quit) {
        if (!busy && !atomic_load(&pool->news)) {
            pthread_cond_wait(&pool->wake, &pool->lock);
            continue;
        }
        take_in(pool);
        pthread_mutex_unlock(&pool->lock);
        busy = take_turns(pool);
        pthread_mutex_lock(&pool->lock);
        give_back(pool);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* ---- A pool -------------------------------------------------------------------------------- */

void am_pool_options_init(am_pool_options *options) {
    *options = (am_pool_options){.n_slots = 8, .n_beams_max = 5, .n_recordings_max = 16};
}

static am_status check_options(const am_engine *engine, const am_pool_options *options,
                               am_error *error) {
    const int n_ctx = engine->dims.n_text_ctx;
    if (options->n_slots < 1 || options->n_slots > AM_MAX_BATCH) {
        AM_FAIL(error, AM_E_ARG, "n_slots: %d is not in 1 … %d", options->n_slots, AM_MAX_BATCH);
    }
    if (options->n_beams_max < 1 || options->n_beams_max > AM_BEAMS_MAX) {
        AM_FAIL(error, AM_E_ARG, "n_beams_max: %d is not in 1 … %d", options->n_beams_max,
                AM_BEAMS_MAX);
    }
    if (options->n_slots * options->n_beams_max > n_ctx) {
        AM_FAIL(error, AM_E_ARG, "n_slots: %d windows of %d beams do not fit %d rows",
                options->n_slots, options->n_beams_max, n_ctx);
    }
    if (options->n_recordings_max < 1 || options->n_recordings_max > RECORDINGS_MAX) {
        AM_FAIL(error, AM_E_ARG, "n_recordings_max: %d is not in 1 … %d",
                options->n_recordings_max, RECORDINGS_MAX);
    }
    return AM_OK;
}

static am_status build(am_pool *pool, am_engine *engine, const am_pool_options *options,
                       am_error *error) {
    const size_t n_slots = (size_t)options->n_slots;
    AM_TRY(am_session_new(engine, &pool->session, error));
    AM_TRY(am__session_need_search(pool->session, n_slots, pool->n_beams_max, error));
    pool->pipeline = am__session_pipeline(pool->session, false);
    const am_batch_input input = {
        .pipeline = &pool->pipeline,
        .crosses = pool->session->crosses,
        .n_slots = n_slots,
        .n_reserved = (n_slots + 3) / 4 < n_slots ? (n_slots + 3) / 4 : 0,
        .n_begin_max = 1,
    };
    AM_TRY(am__batch_new(&input, &pool->batch, error));
    AM_TRY(am__batch_reserve(pool->batch, error));
    const int code = pthread_create(&pool->thread, NULL, run, pool);
    pool->started = code == 0;
    if (code != 0) return am__fail_errno(error, code, "cannot start the thread of the pool");
    return AM_OK;
}

am_status am_pool_new(am_engine *engine, const am_pool_options *options, am_pool **pool,
                      am_error *error) {
    am_pool_options defaults;
    am_pool *fresh = NULL;
    am_pool_options_init(&defaults);
    if (options == NULL) options = &defaults;
    AM_TRY(check_options(engine, options, error));
    AM_TRY(AM_NEW(&fresh, 1, error));
    fresh->n_beams_max = (size_t)options->n_beams_max;
    fresh->n_recordings_max = (size_t)options->n_recordings_max;
    pthread_mutex_init(&fresh->lock, NULL);
    pthread_cond_init(&fresh->wake, NULL);
    pthread_cond_init(&fresh->left, NULL);
    const am_status status = build(fresh, engine, options, error);
    if (status != AM_OK) {
        am_pool_free(&fresh);
        return status;
    }
    *pool = fresh;
    return AM_OK;
}

void am_pool_free(am_pool **pool) {
    if (pool == NULL || *pool == NULL) return;
    am_pool *old = *pool;
    pthread_mutex_lock(&old->lock);
    old->stopping = true;
    for (call *c = old->calls; c != NULL; c = c->next) {
        atomic_store(&c->cancelled, true);
        pthread_cond_signal(&c->changed);
    }
    tell_thread(old);
    while (old->calls != NULL) pthread_cond_wait(&old->left, &old->lock);
    old->quit = true;
    tell_thread(old);
    pthread_mutex_unlock(&old->lock);
    if (old->started) pthread_join(old->thread, NULL);
    am__batch_free(&old->batch);
    am_session_free(&old->session);
    pthread_cond_destroy(&old->left);
    pthread_cond_destroy(&old->wake);
    pthread_mutex_destroy(&old->lock);
    am__free(old);
    *pool = NULL;
}

void am_pool_get_stats(am_pool *pool, am_pool_stats *stats) {
    pthread_mutex_lock(&pool->lock);
    *stats = (am_pool_stats){
        .n_slots = pool->session->n_slots,
        .n_active = pool->n_active,
        .n_waiting = pool->n_waiting,
        .n_windows = (size_t)atomic_load(&pool->n_windows),
        .n_recordings_done = pool->n_recordings_done,
        .n_windows_done = atomic_load(&pool->n_windows_done),
        .n_steps = atomic_load(&pool->n_steps),
        .n_rows = atomic_load(&pool->n_rows),
        .audio_seconds = (double)pool->n_samples / AM_SAMPLE_RATE,
        .busy_seconds = 1e-9 * (double)atomic_load(&pool->busy_ns),
    };
    pthread_mutex_unlock(&pool->lock);
}

/* ---- A call -------------------------------------------------------------------------------- */

static void forward_progress(void *user, double done_s, double total_s) {
    const call *c = user;
    if (c->own != NULL && c->own->progress != NULL) c->own->progress(c->own->user, done_s, total_s);
}

static void forward_segment(void *user, const am_segment *segment) {
    const call *c = user;
    if (c->own != NULL && c->own->segment != NULL) c->own->segment(c->own->user, segment);
}

static bool is_cancelled(void *user) {
    call *c = user;
    return atomic_load_explicit(&c->cancelled, memory_order_relaxed);
}

/* Puts the call at the end of the line. */
static void enter(call *c) {
    am_pool *pool = c->pool;
    call **link = &pool->calls;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&c->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_lock(&pool->lock);
    while (*link != NULL) link = &(*link)->next;
    *link = c;
    pool->n_waiting++;
    if (pool->stopping) atomic_store(&c->cancelled, true);
    pthread_mutex_unlock(&pool->lock);
}

/* Gives turns to those who are first in the line. With the lock held. */
static void admit(am_pool *pool) {
    for (call *c = pool->calls; c != NULL && pool->n_active < pool->n_recordings_max; c = c->next) {
        if (c->state != CALL_WAITING) continue;
        pool->n_waiting--;
        pool->n_active++;
        set_state(c, CALL_OPENING);
    }
}

static void leave(call *c) {
    am_pool *pool = c->pool;
    pthread_mutex_lock(&pool->lock);
    call **link = &pool->calls;
    while (*link != c) link = &(*link)->next;
    *link = c->next;
    if (c->state == CALL_WAITING) {
        pool->n_waiting--;
    } else {
        pool->n_active--;
        pool->n_recordings_done++;
    }
    admit(pool);
    pthread_cond_signal(&pool->left);
    pthread_mutex_unlock(&pool->lock);
    pthread_cond_destroy(&c->changed);
}

static void sleep_a_little(call *c) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += POLL_NANOSECONDS;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    pthread_cond_timedwait(&c->changed, &c->pool->lock, &until);
}

/* Asks the caller, without the lock, whether to stop; with it before and after. */
static void ask_caller(call *c) {
    am_pool *pool = c->pool;
    pthread_mutex_unlock(&pool->lock);
    const bool cancel = c->own->cancel(c->own->user);
    pthread_mutex_lock(&pool->lock);
    if (!cancel) return;
    atomic_store(&c->cancelled, true);
    tell_thread(pool);
}

/* Waits until the call's state is not before `wanted`; while it waits for its turn, until it is
 * cancelled at the latest. True when the state was reached. */
static bool await(call *c, call_state wanted) {
    am_pool *pool = c->pool;
    const bool asks = c->own != NULL && c->own->cancel != NULL;
    pthread_mutex_lock(&pool->lock);
    admit(pool);
    while (c->state < wanted) {
        const bool cancelled = atomic_load(&c->cancelled);
        if (cancelled && c->state == CALL_WAITING) break;
        if (!asks || cancelled) {
            pthread_cond_wait(&c->changed, &pool->lock);
            continue;
        }
        ask_caller(c);
        if (c->state < wanted && !atomic_load(&c->cancelled)) sleep_a_little(c);
    }
    const bool reached = c->state >= wanted;
    pthread_mutex_unlock(&pool->lock);
    return reached;
}

/* The pipeline of a recording; makes the aligner when it is the first that wants one. */
static am_status choose_pipeline(call *c, am_pipeline *pipeline, am_error *error) {
    am_pool *pool = c->pool;
    const bool word_timestamps = c->request.params->word_timestamps;
    am_status status = AM_OK;
    pthread_mutex_lock(&pool->lock);
    if (word_timestamps) status = am__session_need_aligner(pool->session, error);
    *pipeline = am__session_pipeline(pool->session, word_timestamps);
    pthread_mutex_unlock(&pool->lock);
    return status;
}

static am_status run_recording(call *c, am_error *error) {
    am_pool *pool = c->pool;
    am_request *request = &c->request;
    am_pipeline pipeline;
    AM_TRY(choose_pipeline(c, &pipeline, error));
    AM_TRY(am__request_open(request, &pipeline, feed_changed, pool, error));
    pthread_mutex_lock(&pool->lock);
    set_state(c, CALL_JOINING);
    tell_thread(pool);
    pthread_mutex_unlock(&pool->lock);
    await(c, CALL_ENDED);
    pthread_mutex_lock(&pool->lock);
    pool->n_samples += am__feed_samples(request->feed);
    pthread_mutex_unlock(&pool->lock);
    return am__request_status(request, error);
}

static am_status run_call(call *c, am_error *error) {
    if (!await(c, CALL_OPENING)) {
        AM_FAIL(error, AM_E_CANCELLED, "stopped while it waited for its turn");
    }
    const am_status status = run_recording(c, error);
    am__request_close(&c->request, NULL);
    return status;
}

static am_status check_call(const am_pool *pool, const am_params *params, am_error *error) {
    if (params->mode != AM_MODE_BATCHED) {
        AM_FAIL(error, AM_E_UNSUPPORTED, "mode: a pool transcribes in batched mode only");
    }
    if (am__request_beams(params) > pool->n_beams_max) {
        AM_FAIL(error, AM_E_LIMIT, "beam_size %d, best_of %d: the pool takes %zu at most",
                params->beam_size, params->best_of, pool->n_beams_max);
    }
    return AM_OK;
}

am_status am_pool_transcribe(am_pool *pool, am_audio *audio, const am_params *params,
                             const am_callbacks *callbacks, am_result **result, am_error *error) {
    am_params defaults;
    call *c = NULL;
    am_params_init(&defaults);
    if (params == NULL) params = &defaults;
    AM_TRY(AM_NEW(&c, 1, error));
    c->pool = pool;
    c->own = callbacks;
    c->callbacks = (am_callbacks){forward_progress, forward_segment, is_cancelled, c};
    c->request = (am_request){.engine = pool->session->engine,
                              .audio = audio,
                              .params = params,
                              .callbacks = &c->callbacks};
    am_status status = am__request_begin(&c->request, error);
    if (status == AM_OK) {
        status = check_call(pool, params, error);
        if (status == AM_OK) {
            enter(c);
            status = run_call(c, error);
            leave(c);
        }
        status = am__request_end(&c->request, status, result, error);
    }
    am__free(c);
    return status;
}
