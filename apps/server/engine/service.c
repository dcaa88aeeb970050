/* Turns and transcription: see service.h. */
#include "server/engine/service.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "common/heap.h"
#include "common/report.h"
#include "server/base/wall_clock.h"

#define LOOK_NANOSECONDS 100000000L /* how often a waiting client is looked at */

/* One that waits or works. */
typedef struct turn {
    struct turn *next;
    bool background, running;
} turn;

struct service {
    const options *opts;
    models *models;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    turn *first; /* in order of arrival; those that run stay until they are done */
    int n_running, n_background;
    bool closed, cancelled;
    service_stats stats;
    pthread_mutex_t alone; /* one at a time of those that do not share the batch */
};

am_status service_new(const options *opts, service **made, am_error *error) {
    service *fresh = heap_new(sizeof *fresh);
    if (fresh == NULL) return report_fail(error, AM_E_MEMORY, "the service");
    const am_status status = models_new(opts, &fresh->models, error);
    if (status != AM_OK) {
        heap_free(fresh);
        return status;
    }
    fresh->opts = opts;
    pthread_mutex_init(&fresh->lock, NULL);
    pthread_mutex_init(&fresh->alone, NULL);
    pthread_cond_init(&fresh->changed, NULL);
    *made = fresh;
    return AM_OK;
}

void service_free(service **old) {
    service *s = *old;
    if (s == NULL) return;
    models_free(&s->models);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->alone);
    pthread_mutex_destroy(&s->lock);
    heap_free(s);
    *old = NULL;
}

models *service_models(service *s) {
    return s->models;
}

/* ---- Turns --------------------------------------------------------------------------------- */

/* Whether it is this one's turn: there is room, and nobody goes before it. The lock is held. */
static bool may_run(const service *s, const turn *own) {
    const int n_active = s->opts->max_active;
    if (s->n_running >= n_active) return false;
    if (own->background) {
        /* Half of the room, so that a request that comes now finds some. */
        if (s->n_background >= (n_active + 1) / 2) return false;
        for (const turn *at = s->first; at != NULL && s->n_background > 0; at = at->next) {
            if (!at->running && !at->background) return false;
        }
    }
    for (const turn *at = s->first; at != own; at = at->next) {
        if (!at->running && at->background == own->background) return false;
    }
    return true;
}

static int count_waiting(const service *s) {
    int n = 0;
    for (const turn *at = s->first; at != NULL; at = at->next) {
        if (!at->running && !at->background) n++;
    }
    return n;
}

static void append(service *s, turn *own) {
    turn **at = &s->first;
    while (*at != NULL) at = &(*at)->next;
    *at = own;
}

static void leave(service *s, const turn *own) {
    for (turn **at = &s->first; *at != NULL; at = &(*at)->next) {
        if (*at != own) continue;
        *at = own->next;
        break;
    }
    if (own->running) s->n_running--;
    if (own->running && own->background) s->n_background--;
    pthread_cond_broadcast(&s->changed);
}

static bool asks_to_stop(const work *w) {
    return w->callbacks != NULL && w->callbacks->cancel != NULL &&
           w->callbacks->cancel(w->callbacks->user);
}

/* Waits for the turn. The lock is held. */
static am_status wait_for_turn(service *s, const work *w, turn *own, bool *busy,
                               am_error *error) {
    if (s->closed) {
        *busy = true;
        return report_fail(error, AM_E_LIMIT, "the server is shutting down");
    }
    if (!w->background && s->n_running >= s->opts->max_active &&
        count_waiting(s) >= s->opts->max_queue) {
        *busy = true;
        s->stats.n_refused++;
        return report_fail(error, AM_E_LIMIT, "%d requests are waiting already",
                           s->opts->max_queue);
    }
    append(s, own);
    while (!may_run(s, own)) {
        const struct timespec until = clock_after(LOOK_NANOSECONDS);
        pthread_cond_timedwait(&s->changed, &s->lock, &until);
        if (!s->cancelled && !asks_to_stop(w)) continue;
        leave(s, own);
        return report_fail(error, AM_E_CANCELLED, "while it waited");
    }
    own->running = true;
    s->n_running++;
    if (own->background) s->n_background++;
    return AM_OK;
}

/* ---- Work ---------------------------------------------------------------------------------- */

/* The caller's callbacks, which end with the service too. */
typedef struct relay {
    service *service;
    const am_callbacks *to;
} relay;

static void on_progress(void *user, double done_s, double total_s) {
    const relay *r = user;
    if (r->to != NULL && r->to->progress != NULL) r->to->progress(r->to->user, done_s, total_s);
}

static void on_segment(void *user, const am_segment *segment) {
    const relay *r = user;
    if (r->to != NULL && r->to->segment != NULL) r->to->segment(r->to->user, segment);
}

static bool on_cancel(void *user) {
    const relay *r = user;
    pthread_mutex_lock(&r->service->lock);
    const bool cancelled = r->service->cancelled;
    pthread_mutex_unlock(&r->service->lock);
    return cancelled ||
           (r->to != NULL && r->to->cancel != NULL && r->to->cancel(r->to->user));
}

/* Languages, and the mode whose windows wait for each other, have no use for a batch. */
static am_status run_alone(service *s, work *w, am_engine *engine, am_audio *audio,
                           const am_callbacks *callbacks, am_result **result, am_error *error) {
    am_session *session = NULL;
    pthread_mutex_lock(&s->alone);
    am_status status = am_session_new(engine, &session, error);
    if (status == AM_OK && w->detect_only) {
        status = am_detect_language(session, audio, w->languages, 128, &w->n_languages, error);
    } else if (status == AM_OK) {
        status = am_transcribe(session, audio, &w->opts->params, callbacks, result, error);
    }
    am_session_free(&session);
    pthread_mutex_unlock(&s->alone);
    return status;
}

static am_status transcribe(service *s, work *w, model *chosen, am_audio *audio,
                            am_result **result, am_error *error) {
    relay r = {s, w->callbacks};
    const am_callbacks callbacks = {on_progress, on_segment, on_cancel, &r};
    const bool alone = w->detect_only || w->opts->params.mode == AM_MODE_SEQUENTIAL;
    const double start = clock_now();
    w->engine = model_engine(chosen);
    const am_status status =
        alone ? run_alone(s, w, model_engine(chosen), audio, &callbacks, result, error)
              : am_pool_transcribe(model_pool(chosen), audio, &w->opts->params, &callbacks, result,
                                   error);
    w->engine = NULL;
    w->processing_s = clock_now() - start;
    if (status != AM_OK) am_result_free(result);
    return status;
}

/* A client has no use for the name of a file in the spool. */
static void hide_path(const char *path, am_error *error) {
    const size_t n = strlen(path);
    if (strncmp(error->detail, path, n) != 0 || strncmp(error->detail + n, ": ", 2) != 0) return;
    memmove(error->detail, error->detail + n + 2, strlen(error->detail + n + 2) + 1);
}

/* With a model: everything that can be wrong with the request is found before its turn. */
static am_status run_with(service *s, work *w, model *chosen, am_result **result, bool *busy,
                          am_error *error) {
    am_audio *audio = NULL;
    turn own = {.background = w->background};
    REPORT_TRY(model_check_task(chosen, w->opts->params.task, error));
    REPORT_TRY(am_engine_check(model_engine(chosen), &w->opts->params, error));
    am_status opened = am_audio_open_file(w->path, &w->opts->audio, &audio, error);
    if (opened != AM_OK) {
        hide_path(w->path, error);
        return opened;
    }
    w->duration_s = am_audio_duration(audio);
    const double longest = s->opts->max_duration_s;
    const double start = clock_now();
    am_status status = AM_OK;
    if (longest > 0 && w->duration_s > longest) {
        status = report_fail(error, AM_E_LIMIT, "the recording has %.0f s, more than %.0f s",
                             w->duration_s, longest);
    }
    if (status == AM_OK) {
        pthread_mutex_lock(&s->lock);
        status = wait_for_turn(s, w, &own, busy, error);
        pthread_mutex_unlock(&s->lock);
        w->waited_s = clock_now() - start;
    }
    if (status == AM_OK) {
        status = transcribe(s, w, chosen, audio, result, error);
        pthread_mutex_lock(&s->lock);
        leave(s, &own);
        pthread_mutex_unlock(&s->lock);
    }
    am_audio_close(&audio);
    return status;
}

am_status service_run(service *s, work *w, am_result **result, bool *busy, am_error *error) {
    model *chosen = NULL;
    *busy = false;
    *result = NULL;
    REPORT_TRY(models_acquire(s->models, w->model, &chosen, error));
    snprintf(w->model_id, sizeof w->model_id, "%s", model_id(chosen));
    const am_status status = run_with(s, w, chosen, result, busy, error);
    models_release(s->models, chosen);
    pthread_mutex_lock(&s->lock);
    if (status == AM_OK) {
        s->stats.n_done++;
        s->stats.audio_s += *result != NULL ? am_result_duration(*result) : 0;
        s->stats.processing_s += w->processing_s;
    } else if (status == AM_E_CANCELLED) {
        s->stats.n_cancelled++;
    } else if (!*busy) {
        s->stats.n_failed++;
    }
    pthread_mutex_unlock(&s->lock);
    return status;
}

void service_close(service *s, bool at_once) {
    pthread_mutex_lock(&s->lock);
    s->closed = true;
    s->cancelled = s->cancelled || at_once;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

service_stats service_get_stats(service *s) {
    pthread_mutex_lock(&s->lock);
    service_stats stats = s->stats;
    stats.n_active = s->n_running;
    stats.n_waiting = 0;
    for (const turn *at = s->first; at != NULL; at = at->next) stats.n_waiting += !at->running;
    stats.closing = s->closed;
    pthread_mutex_unlock(&s->lock);
    return stats;
}
