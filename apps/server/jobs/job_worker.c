/* Workers: from the queue through the service into the store; see jobs.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/report.h"
#include "server/answers/body.h"
#include "server/jobs/jobs_own.h"
#include "server/answers/record.h"
#include "server/base/server_log.h"
#include "server/base/wall_clock.h"

#define TELL_EVERY_S 0.25
#define N_ATTEMPTS 3
#define N_INTERRUPTED_MAX 20 /* a recording that brings the server down is not tried for ever */
#define N_SEGMENTS_KEPT ((size_t)1 << 17)

/* ---- On the way ---------------------------------------------------------------------------- */

static void on_progress(void *user, double done_s, double total_s) {
    running *r = user;
    const double now = clock_now();
    pthread_mutex_lock(&r->all->lock);
    const bool tell = now - r->told > TELL_EVERY_S;
    if (r->done_s <= 0) r->began += r->work->waited_s;
    r->done_s = done_s;
    r->total_s = total_s;
    if (tell || r->told <= 0) r->told = now;
    pthread_mutex_unlock(&r->all->lock);
    if (tell) jobs_tell(r->all, r->job, "progress");
}

/* Kept under the lock of those who come later, and published. */
static void keep_segment(running *r, char *event) {
    jobs *all = r->all;
    pthread_mutex_lock(&all->lock);
    if (r->n_segments == r->capacity && r->n_segments < N_SEGMENTS_KEPT) {
        const size_t capacity = r->capacity > 0 ? 2 * r->capacity : 64;
        char **grown = heap_resize(r->segments, capacity * sizeof *grown);
        if (grown != NULL) {
            r->segments = grown;
            r->capacity = capacity;
        }
    }
    events_publish(all->events, r->job->id, "segment", event, false);
    if (r->n_segments < r->capacity) {
        r->segments[r->n_segments++] = event;
        event = NULL;
    }
    pthread_mutex_unlock(&all->lock);
    heap_free(event);
}

static void on_segment(void *user, const am_segment *segment) {
    running *r = user;
    json_t *json = body_segment(segment);
    if (json == NULL) return;
    json_object_set_new(json, "job", json_string(r->job->id));
    char *event = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(json);
    if (event != NULL) keep_segment(r, event);
}

static bool on_cancel(void *user) {
    const running *r = user;
    pthread_mutex_lock(&r->all->lock);
    const bool cancelled = r->cancel;
    pthread_mutex_unlock(&r->all->lock);
    return cancelled;
}

/* ---- A run --------------------------------------------------------------------------------- */

/* The call as it came in, on the options of today. */
static am_status read_call(const jobs *all, const job *j, call *c, am_error *error) {
    REPORT_TRY(call_init(c, all->opts, error));
    json_t *fields = json_loads(j->fields, 0, NULL);
    am_status status = json_is_object(fields)
                           ? call_set_json(c, fields, error)
                           : report_fail(error, AM_E_IO, "the kept options are damaged");
    if (fields != NULL) json_decref(fields);
    if (status == AM_OK) status = call_resolve(c, error);
    return status;
}

/* Trouble of the machine may be over soon: a few attempts. *busy: the server is closing. */
static am_status transcribe(running *r, const call *c, work *w, am_result **result, bool *busy,
                            am_error *error) {
    char path[1024];
    const am_callbacks callbacks = {on_progress, on_segment, on_cancel, r};
    am_status status = AM_OK;
    jobs_audio_path(r->all, r->job->id, path, sizeof path);
    for (int attempt = 1; attempt <= N_ATTEMPTS; attempt++) {
        *w = (work){.opts = &c->opts, .model = r->job->model, .path = path, .background = true,
                    .callbacks = &callbacks};
        pthread_mutex_lock(&r->all->lock);
        r->began = clock_now();
        r->done_s = 0;
        pthread_mutex_unlock(&r->all->lock);
        status = service_run(r->all->service, w, result, busy, error);
        if (status == AM_OK || *busy || !am_status_retryable(status)) break;
        log_line(AM_LOG_WARN, "job %s: %s", r->job->id, error->detail);
        if (jobs_pause(r->all, attempt)) break;
    }
    return status;
}

/* The error as the routes would show it. */
static char *error_json(const am_error *error) {
    json_t *json = json_pack("{s:o, s:s, s:n, s:s}", "message",
                             json_sprintf("%s: %s", am_status_message(error->status),
                                          error->detail),
                             "type", am_status_http(error->status) >= 500
                                         ? "server_error" : "invalid_request_error",
                             "param", "code", am_status_name(error->status));
    char *shown = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;
    if (json != NULL) json_decref(json);
    return shown;
}

static void set_text(char **field, const char *value) {
    char *copy = heap_string(value);
    if (copy == NULL) return;
    heap_free(*field);
    *field = copy;
}

/*
 * Into the store, however long it takes: a full disk or a lock is waited for. What cannot be kept
 * before the end of the server runs again after the next start.
 */
static void keep_outcome(jobs *all, job *j, const char *record, const char *plain) {
    char *body = jobs_dump(all, j);
    am_error error;
    bool stored = false;
    for (double pause = 1;; pause = pause < 30 ? 2 * pause : 30) {
        const am_status status = body == NULL
                                     ? report_fail(&error, AM_E_MEMORY, "a job")
                                     : store_finish_job(all->store, j, record, plain, body, &stored,
                                                        &error);
        if (status == AM_OK) break;
        log_line(AM_LOG_ERROR, "job %s cannot be kept: %s", j->id, error.detail);
        if (jobs_pause(all, pause)) break;
        if (body == NULL) body = jobs_dump(all, j);
    }
    heap_free(body);
    if (stored) jobs_tell(all, j, NULL);
}

static void end_well(jobs *all, job *j, const am_result *result, const work *w) {
    char *record = NULL;
    am_error error;
    j->finished = clock_wall();
    j->duration = am_result_duration(result);
    if (am_result_language(result)[0] != '\0') set_text(&j->language, am_result_language(result));
    set_text(&j->model, w->model_id);
    am_status status = record_write(result, w, &record, &error);
    j->status = status == AM_OK ? JOB_DONE : JOB_FAILED;
    if (status != AM_OK) j->error = error_json(&error);
    keep_outcome(all, j, record, am_result_text(result));
    heap_free(record);
}

static void end_badly(jobs *all, job *j, const am_error *failure) {
    j->finished = clock_wall();
    j->status = JOB_FAILED;
    j->error = error_json(failure);
    keep_outcome(all, j, NULL, NULL);
}

static void put_back(jobs *all, const job *j) {
    am_error error;
    if (store_release_job(all->store, j, &error) == AM_OK) return;
    log_line(AM_LOG_WARN, "job %s: %s", j->id, error.detail); /* the next start puts it back */
}

static void enter(running *r) {
    pthread_mutex_lock(&r->all->lock);
    r->next = r->all->first;
    r->all->first = r;
    pthread_mutex_unlock(&r->all->lock);
}

static void leave(running *r) {
    pthread_mutex_lock(&r->all->lock);
    for (running **at = &r->all->first; *at != NULL; at = &(*at)->next) {
        if (*at != r) continue;
        *at = r->next;
        break;
    }
    pthread_mutex_unlock(&r->all->lock);
    for (size_t i = 0; i < r->n_segments; i++) heap_free(r->segments[i]);
    heap_free(r->segments);
}

static void run_job(jobs *all, job *j) {
    call c;
    work w = {0};
    running r = {.all = all, .job = j, .work = &w, .began = clock_now()};
    am_result *result = NULL;
    am_error error = {0};
    bool busy = false;
    if (j->n_interrupted > N_INTERRUPTED_MAX) {
        (void)report_fail(&error, AM_E_INTERNAL, "the server ended %d times while it ran",
                          j->n_interrupted);
        end_badly(all, j, &error);
        return;
    }
    enter(&r);
    jobs_tell(all, j, "progress");
    am_status status = read_call(all, j, &c, &error);
    if (status == AM_OK) status = transcribe(&r, &c, &w, &result, &busy, &error);
    call_free(&c);
    const bool cancelled = on_cancel(&r);
    leave(&r);
    if (status == AM_OK) {
        end_well(all, j, result, &w);
    } else if (busy || (status == AM_E_CANCELLED && !cancelled)) {
        put_back(all, j);
    } else if (!cancelled) {
        end_badly(all, j, &error);
    }
    am_result_free(&result);
}

void *jobs_worker(void *context) {
    jobs *all = context;
    for (;;) {
        job next = {0};
        bool found = false;
        am_error error;
        pthread_mutex_lock(&all->lock);
        const bool closed = all->closed;
        const uint64_t n_wakes = all->n_wakes;
        pthread_mutex_unlock(&all->lock);
        if (closed) return NULL;
        if (store_take_job(all->store, clock_wall(), &next, &found, &error) != AM_OK) {
            log_line(AM_LOG_ERROR, "%s", error.detail);
            (void)jobs_pause(all, 1);
            continue;
        }
        if (found) {
            run_job(all, &next);
            job_clear(&next);
            continue;
        }
        pthread_mutex_lock(&all->lock);
        while (!all->closed && all->n_wakes == n_wakes) {
            pthread_cond_wait(&all->changed, &all->lock);
        }
        pthread_mutex_unlock(&all->lock);
    }
}
