/* The queue: see jobs.h. */
#include "server/jobs/jobs_own.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/report.h"
#include "server/base/crypto.h"
#include "server/base/server_log.h"
#include "server/store/spool.h"
#include "server/base/wall_clock.h"

#define DAY_S 86400.0
#define JANITOR_S 60.0
#define KEEP_ALIVE_S 15.0
#define N_EXPIRED 64

/* ---- Life ---------------------------------------------------------------------------------- */

/* Two servers on one store would run each other's jobs. */
static am_status lock_folder(jobs *all, am_error *error) {
    char path[1024];
    snprintf(path, sizeof path, "%s/jobs.lock", all->opts->data_dir);
    all->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (all->lock_fd < 0) return report_fail_errno(error, errno, "%s", path);
    if (flock(all->lock_fd, LOCK_EX | LOCK_NB) == 0) return AM_OK;
    return report_fail(error, AM_E_SYSTEM, "%s: another server uses this folder",
                       all->opts->data_dir);
}

/* Recordings whose job was never accepted, or is removed. */
static void clean_audio(jobs *all) {
    DIR *dir = opendir(all->audio_dir);
    if (dir == NULL) return;
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        job found;
        am_error error;
        if (strncmp(entry->d_name, "j_", 2) != 0) continue;
        const am_status status = store_find_job(all->store, entry->d_name, &found, &error);
        if (status == AM_OK) job_clear(&found);
        if (status == AM_E_NOT_FOUND) (void)unlinkat(dirfd(dir), entry->d_name, 0);
    }
    closedir(dir);
}

static am_status open_all(jobs *all, am_error *error) {
    char path[1024];
    int n = 0;
    snprintf(all->audio_dir, sizeof all->audio_dir, "%.880s/audio", all->opts->data_dir);
    REPORT_TRY(spool_make_folder(all->audio_dir, error));
    REPORT_TRY(lock_folder(all, error));
    snprintf(path, sizeof path, "%s/jobs.db", all->opts->data_dir);
    REPORT_TRY(store_open(path, &all->store, error));
    REPORT_TRY(store_release_all(all->store, &n, error));
    if (n > 0) log_line(AM_LOG_INFO, "%d jobs that were interrupted run again", n);
    clean_audio(all);
    const double patience = all->opts->client_timeout_s / 3.0;
    return events_new((all->opts->max_connections + 1) / 2,
                      patience < KEEP_ALIVE_S ? patience : KEEP_ALIVE_S, &all->events, error);
}

am_status jobs_open(const options *opts, service *s, jobs **made, am_error *error) {
    jobs *fresh = heap_new(sizeof *fresh);
    if (fresh == NULL) return report_fail(error, AM_E_MEMORY, "the jobs");
    *fresh = (jobs){.opts = opts, .service = s, .lock_fd = -1};
    pthread_mutex_init(&fresh->lock, NULL);
    pthread_cond_init(&fresh->changed, NULL);
    const am_status status = open_all(fresh, error);
    if (status != AM_OK) {
        jobs_free_all(&fresh);
        return status;
    }
    *made = fresh;
    return AM_OK;
}

bool jobs_pause(jobs *all, double seconds) {
    const double until = clock_now() + seconds;
    pthread_mutex_lock(&all->lock);
    while (!all->closed && clock_now() < until) {
        const struct timespec look = clock_after(200000000L);
        pthread_cond_timedwait(&all->changed, &all->lock, &look);
    }
    const bool closed = all->closed;
    pthread_mutex_unlock(&all->lock);
    return closed;
}

/* Removes what was kept for long enough. */
static void *expire(void *context) {
    jobs *all = context;
    const double kept_s = all->opts->retention_days * DAY_S;
    do {
        char ids[N_EXPIRED][STORE_ID_BYTES];
        size_t n = N_EXPIRED;
        am_error error;
        while (n == N_EXPIRED) {
            if (store_expired_jobs(all->store, clock_wall() - kept_s, ids, N_EXPIRED, &n,
                                   &error) != AM_OK) {
                log_line(AM_LOG_WARN, "%s", error.detail);
                break;
            }
            for (size_t i = 0; i < n; i++) {
                bool removed;
                if (jobs_delete(all, ids[i], &removed, &error) == AM_OK) continue;
                log_line(AM_LOG_WARN, "job %s: %s", ids[i], error.detail);
                n = 0;
            }
        }
    } while (!jobs_pause(all, kept_s < JANITOR_S ? 1 : JANITOR_S));
    return NULL;
}

static am_status start_thread(jobs *all, void *(*run)(void *), am_error *error) {
    if (pthread_create(&all->threads[all->n_threads], NULL, run, all) != 0) {
        return report_fail(error, AM_E_SYSTEM, "no thread");
    }
    all->n_threads++;
    return AM_OK;
}

am_status jobs_run(jobs *all, am_error *error) {
    const int n_workers = all->opts->max_active > 1 ? all->opts->max_active / 2 : 1;
    all->threads = heap_new(((size_t)n_workers + 1) * sizeof *all->threads);
    if (all->threads == NULL) return report_fail(error, AM_E_MEMORY, "the jobs");
    for (int i = 0; i < n_workers; i++) REPORT_TRY(start_thread(all, jobs_worker, error));
    REPORT_TRY(webhooks_start(all->opts, all->store, &all->webhooks, error));
    return all->opts->retention_days > 0 ? start_thread(all, expire, error) : AM_OK;
}

void jobs_close(jobs *all) {
    pthread_mutex_lock(&all->lock);
    all->closed = true;
    pthread_cond_broadcast(&all->changed);
    pthread_mutex_unlock(&all->lock);
    events_close(all->events);
}

void jobs_free_all(jobs **old) {
    jobs *all = *old;
    if (all == NULL) return;
    if (all->n_threads > 0) jobs_close(all);
    for (int i = 0; i < all->n_threads; i++) pthread_join(all->threads[i], NULL);
    webhooks_stop(&all->webhooks);
    heap_free(all->threads);
    events_free(&all->events);
    store_close(&all->store);
    if (all->lock_fd >= 0) close(all->lock_fd);
    pthread_cond_destroy(&all->changed);
    pthread_mutex_destroy(&all->lock);
    heap_free(all);
    *old = NULL;
}

store *jobs_store(jobs *all) {
    return all->store;
}

void jobs_wake(jobs *all) {
    pthread_mutex_lock(&all->lock);
    all->n_wakes++;
    pthread_cond_broadcast(&all->changed);
    pthread_mutex_unlock(&all->lock);
}

/* ---- As clients see it --------------------------------------------------------------------- */

static json_t *number_or_null(double x) {
    return isfinite(x) ? json_real(round(x * 1000) / 1000) : json_null();
}

static json_t *text_or_null(const char *json) {
    json_t *value = json != NULL ? json_loads(json, 0, NULL) : NULL;
    return value != NULL ? value : json_null();
}

static running *find_running(const jobs *all, const char *id) {
    running *r = all->first;
    while (r != NULL && strcmp(r->job->id, id) != 0) r = r->next;
    return r;
}

/* How far: done seconds and the time it will still take, NAN = unknown. */
static void look_at(jobs *all, const job *j, double *done_s, double *total_s, double *eta_s) {
    *total_s = j->duration;
    *done_s = j->status == JOB_DONE ? j->duration : 0;
    *eta_s = NAN;
    if (j->status != JOB_RUNNING) return;
    pthread_mutex_lock(&all->lock);
    const running *r = find_running(all, j->id);
    if (r != NULL) {
        const double elapsed = r->told - r->began;
        if (!isfinite(*total_s) && r->total_s > 0) *total_s = r->total_s;
        *done_s = r->done_s < *total_s ? r->done_s : isfinite(*total_s) ? *total_s : r->done_s;
        if (r->done_s > 0 && elapsed > 0 && isfinite(*total_s)) {
            *eta_s = (*total_s - *done_s) * elapsed / r->done_s - (clock_now() - r->told);
            if (*eta_s < 0) *eta_s = 0;
        }
    }
    pthread_mutex_unlock(&all->lock);
}

json_t *jobs_json(jobs *all, const job *j) {
    double done_s;
    double total_s;
    double eta_s;
    look_at(all, j, &done_s, &total_s, &eta_s);
    const double part = j->status == JOB_DONE ? 1 : total_s > 0 ? done_s / total_s : 0;
    json_t *fields = text_or_null(j->fields);
    if (json_is_object(fields)) {
        static const char *const told_elsewhere[] = {"model", "language", "task", "webhook_url"};
        for (size_t i = 0; i < 4; i++) (void)json_object_del(fields, told_elsewhere[i]);
    }
    json_t *json = json_pack(
        "{s:s, s:s, s:s, s:s, s:s?, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:b, "
        "s:o}",
        "id", j->id, "status", job_status_name(j->status), "name", j->name, "model", j->model,
        "language", j->language, "task", j->task, "created_at", number_or_null(j->created),
        "started_at", number_or_null(j->started), "finished_at", number_or_null(j->finished),
        "duration", number_or_null(total_s), "progress", number_or_null(part), "done_s",
        number_or_null(done_s), "eta_s", number_or_null(eta_s), "position",
        j->position > 0 ? json_integer(j->position) : json_null(), "bytes",
        (json_int_t)j->n_bytes, "error", text_or_null(j->error), "edited", (int)j->edited,
        "options", fields);
    if (json != NULL && j->snippet != NULL) {
        json_object_set_new(json, "snippet", json_string(j->snippet));
    }
    return json;
}

char *jobs_dump(jobs *all, const job *j) {
    json_t *json = jobs_json(all, j);
    char *text = json != NULL ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(14)) : NULL;
    if (json != NULL) json_decref(json);
    return text;
}

void jobs_tell(jobs *all, const job *j, const char *name) {
    char *text = jobs_dump(all, j);
    const bool last = name == NULL && job_is_over(j->status);
    if (text != NULL) {
        events_publish(all->events, j->id, name != NULL ? name : job_status_name(j->status), text,
                       last);
    }
    if (last && j->webhook != NULL && all->webhooks != NULL) webhooks_wake(all->webhooks);
    heap_free(text);
}

void jobs_tell_edited(jobs *all, const char *id) {
    job found;
    am_error error;
    if (store_find_job(all->store, id, &found, &error) != AM_OK) return;
    jobs_tell(all, &found, "edited");
    job_clear(&found);
}

/* The listener of a job, who has been told the segments so far and will hear what comes. */
static am_status listen_to(jobs *all, const char *id, listener **made, am_error *error) {
    pthread_mutex_lock(&all->lock);
    const am_status status = events_listen(all->events, id, made, error);
    const running *r = find_running(all, id);
    for (size_t i = 0; status == AM_OK && r != NULL && i < r->n_segments; i++) {
        events_tell(*made, "segment", r->segments[i], false);
    }
    pthread_mutex_unlock(&all->lock);
    return status;
}

am_status jobs_listen(jobs *all, const char *id, listener **made, am_error *error) {
    job found;
    if (id == NULL) return events_listen(all->events, NULL, made, error);
    REPORT_TRY(store_find_job(all->store, id, &found, error));
    job_clear(&found);
    REPORT_TRY(listen_to(all, id, made, error));
    /* What ends after this is heard, and what ended before is in the store. */
    const am_status status = store_find_job(all->store, id, &found, error);
    if (status != AM_OK) {
        events_leave(*made);
        return status;
    }
    const bool over = job_is_over(found.status);
    char *state = jobs_dump(all, &found);
    if (state != NULL) {
        events_tell(*made, over ? job_status_name(found.status) : "progress", state, over);
    }
    heap_free(state);
    job_clear(&found);
    return AM_OK;
}

/* ---- Coming -------------------------------------------------------------------------------- */

void jobs_audio_path(const jobs *all, const char *id, char *path, size_t size) {
    snprintf(path, size, "%s/%s", all->audio_dir, id);
}

static am_status sync_path(const char *path, int flags, am_error *error) {
    const int fd = open(path, flags | O_RDONLY | O_CLOEXEC);
    if (fd < 0) return report_fail_errno(error, errno, "a recording");
    const int code = fsync(fd) == 0 ? 0 : errno;
    close(fd);
    return code == 0 ? AM_OK : report_fail_errno(error, code, "a recording cannot be kept");
}

/* From the spool to its place, for good once the folder is synchronised too. */
static am_status keep_audio(const jobs *all, const char *from, const char *id, am_error *error) {
    char path[1024];
    jobs_audio_path(all, id, path, sizeof path);
    REPORT_TRY(sync_path(from, 0, error));
    if (rename(from, path) == 0) return AM_OK;
    return report_fail_errno(error, errno, "a recording cannot be kept");
}

static am_status fill(jobs *all, const new_job *from, const call *c, job *j, am_error *error) {
    const json_t *webhook = json_object_get(c->fields, "webhook_url");
    char model_name[256];
    *j = (job){.n_bytes = from->n_bytes, .created = clock_wall(), .started = NAN,
               .finished = NAN, .duration = from->duration};
    memcpy(j->id, "j_", 2);
    REPORT_TRY(crypto_random_hex(12, j->id + 2, error));
    models_resolve(service_models(all->service), c->model, model_name,
                   sizeof model_name);
    j->name = heap_string(from->name);
    j->model = heap_string(model_name);
    j->language = heap_string(c->opts.params.language);
    j->task = heap_string(c->opts.params.task == AM_TASK_TRANSLATE ? "translate" : "transcribe");
    j->fields = json_dumps(c->fields, JSON_COMPACT);
    j->webhook = heap_string(json_string_value(webhook));
    if (j->name != NULL && j->model != NULL && j->task != NULL && j->fields != NULL) return AM_OK;
    return report_fail(error, AM_E_MEMORY, "a job");
}

static am_status add_all(jobs *all, const new_job *news, size_t n, const call *c,
                         const watched_file *from, job *list, am_error *error) {
    for (size_t i = 0; i < n; i++) {
        REPORT_TRY(fill(all, &news[i], c, &list[i], error));
        REPORT_TRY(keep_audio(all, news[i].path, list[i].id, error));
    }
    REPORT_TRY(sync_path(all->audio_dir, O_DIRECTORY, error));
    return store_add_jobs(all->store, list, n, from, error);
}

/* With its place in the queue, which only the store knows; it may be running already. */
static void tell_created(jobs *all, job *j) {
    job found;
    am_error error;
    if (store_find_job(all->store, j->id, &found, &error) == AM_OK) {
        job_clear(j);
        *j = found;
    }
    jobs_tell(all, j, "created");
}

am_status jobs_add(jobs *all, const new_job *news, size_t n, const call *c,
                   const watched_file *from, job **list, am_error *error) {
    job *fresh = heap_new(n * sizeof *fresh);
    if (fresh == NULL) return report_fail(error, AM_E_MEMORY, "a job");
    const am_status status = add_all(all, news, n, c, from, fresh, error);
    for (size_t i = 0; i < n; i++) {
        char path[1024];
        jobs_audio_path(all, fresh[i].id, path, sizeof path);
        if (status != AM_OK && fresh[i].id[0] != '\0') (void)unlink(path);
        if (status == AM_OK) tell_created(all, &fresh[i]);
    }
    if (status != AM_OK) {
        jobs_free(fresh, n);
        return status;
    }
    jobs_wake(all);
    *list = fresh;
    return AM_OK;
}

/* ---- Going --------------------------------------------------------------------------------- */

static am_status cancel(jobs *all, job *j, am_error *error) {
    bool changed = false;
    const double now = clock_wall();
    job ended = *j;
    ended.status = JOB_CANCELLED;
    ended.finished = now;
    ended.position = 0;
    char *body = jobs_dump(all, &ended);
    am_status status = body != NULL ? AM_OK : report_fail(error, AM_E_MEMORY, "a job");
    if (status == AM_OK) status = store_cancel_job(all->store, j, now, body, &changed, error);
    heap_free(body);
    if (status != AM_OK || !changed) return status;
    pthread_mutex_lock(&all->lock);
    running *r = find_running(all, j->id);
    if (r != NULL) r->cancel = true;
    pthread_mutex_unlock(&all->lock);
    jobs_tell(all, &ended, NULL);
    jobs_wake(all);
    return AM_OK;
}

static am_status take_away(jobs *all, const job *j, bool *removed, am_error *error) {
    char path[1024];
    REPORT_TRY(store_remove_job(all->store, j->id, removed, error));
    if (!*removed) return AM_OK; /* it was asked for again meanwhile */
    jobs_audio_path(all, j->id, path, sizeof path);
    (void)unlink(path);
    char event[128];
    snprintf(event, sizeof event, "{\"id\":\"%s\"}", j->id);
    events_publish(all->events, j->id, "removed", event, true);
    return AM_OK;
}

am_status jobs_delete(jobs *all, const char *id, bool *removed, am_error *error) {
    job found;
    *removed = false;
    REPORT_TRY(store_find_job(all->store, id, &found, error));
    const am_status status = job_is_over(found.status) ? take_away(all, &found, removed, error)
                                                       : cancel(all, &found, error);
    job_clear(&found);
    return status;
}

am_status jobs_retry(jobs *all, const char *id, bool *changed, am_error *error) {
    job found;
    REPORT_TRY(store_retry_job(all->store, id, changed, error));
    REPORT_TRY(store_find_job(all->store, id, &found, error));
    if (*changed) {
        jobs_tell(all, &found, "progress");
        jobs_wake(all);
    }
    job_clear(&found);
    return AM_OK;
}
