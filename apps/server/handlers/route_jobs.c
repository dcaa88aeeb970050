/* The queue over HTTP: see route_jobs.h. */
#include "server/handlers/route_jobs.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/heap.h"
#include "common/report.h"
#include "server/handlers/route_transcribe.h"
#include "server/jobs/webhook.h"

#define LIST_MAX 1000

void jobs_fail(http_request *request, const am_error *error) {
    if (error->status == AM_E_SYSTEM) {
        http_reply_header(request, "Retry-After", "2");
        http_fail(request, 503, "store_locked", NULL, "%s", error->detail);
    } else if (error->status == AM_E_NOT_FOUND) {
        http_fail(request, 404, "not_found", NULL, "%s", error->detail);
    } else if (error->status == AM_E_LIMIT) {
        http_reply_header(request, "Retry-After", "5");
        http_fail(request, 429, NULL, NULL, "%s", error->detail);
    } else {
        http_fail_status(request, error, NULL);
    }
}

static void reply_json(http_request *request, int status, json_t *json) {
    char *bytes = json != NULL ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(14)) : NULL;
    if (json != NULL) json_decref(json);
    http_reply(request, status, "application/json", bytes, bytes != NULL ? strlen(bytes) : 0);
}

void jobs_reply(const app *a, http_request *request, int status, const char *id) {
    job found;
    am_error error;
    if (store_find_job(jobs_store(a->jobs), id, &found, &error) != AM_OK) {
        jobs_fail(request, &error);
        return;
    }
    reply_json(request, status, jobs_json(a->jobs, &found));
    job_clear(&found);
}

/* ---- POST /jobs ---------------------------------------------------------------------------- */

/* Opens the recording, so that one that is none is refused now; false when it has replied. */
static bool look_into(const app *a, http_request *request, const call *c, const http_file *file,
                      double *duration) {
    am_audio *audio = NULL;
    am_error error = {0};
    if (file->n_bytes == 0) {
        http_fail(request, 400, NULL, "file", "%.200s: the file is empty", file->filename);
        return false;
    }
    if (am_audio_open_file(file->path, &c->opts.audio, &audio, &error) != AM_OK) {
        const char *detail = strstr(error.detail, ": "); /* behind the path in the spool */
        http_fail(request, am_status_http(error.status), NULL, "file", "%.200s: %s%s",
                  file->filename, am_status_message(error.status), detail != NULL ? detail : "");
        return false;
    }
    const double seconds = am_audio_duration(audio);
    am_audio_close(&audio);
    *duration = seconds >= 0 ? seconds : NAN;
    if (a->opts->max_duration_s > 0 && seconds > a->opts->max_duration_s) {
        http_fail(request, 413, NULL, "file", "%.200s: %.0f s, more than %.0f s", file->filename,
                  seconds, a->opts->max_duration_s);
        return false;
    }
    return true;
}

static size_t count_files(const http_file *file) {
    size_t n = 0;
    for (; file != NULL; file = file->next) n++;
    return n;
}

static void reply_added(const app *a, http_request *request, const job *list, size_t n) {
    json_t *all = json_array();
    for (size_t i = 0; i < n; i++) json_array_append_new(all, jobs_json(a->jobs, &list[i]));
    if (n == 1) {
        char location[80];
        snprintf(location, sizeof location, "/jobs/%s", list[0].id);
        http_reply_header(request, "Location", location);
    }
    http_reply_header(request, "X-Job-ID", list[0].id);
    reply_json(request, 202, json_pack("{s:s, s:o}", "id", list[0].id, "jobs", all));
}

/* Names of recordings are shown and searched: UTF-8 whatever the client sent. */
static void add_files(const app *a, http_request *request, const call *c, new_job *news) {
    size_t n = 0;
    job *list = NULL;
    am_error error = {0};
    for (http_file *file = http_files(request); file != NULL; file = file->next, n++) {
        text_mend_utf8(file->filename);
        news[n] = (new_job){.name = file->filename[0] != '\0' ? file->filename : "recording",
                            .path = file->path, .n_bytes = file->n_bytes};
        if (!look_into(a, request, c, file, &news[n].duration)) return;
    }
    if (jobs_add(a->jobs, news, n, c, NULL, &list, &error) != AM_OK) {
        jobs_fail(request, &error);
        return;
    }
    for (http_file *file = http_files(request); file != NULL; file = file->next) {
        heap_free(http_keep(file)); /* it lies elsewhere now */
    }
    reply_added(a, request, list, n);
    jobs_free(list, n);
}

static bool model_exists(const app *a, http_request *request, const call *c) {
    char id[256];
    models_resolve(service_models(a->service), c->model, id, sizeof id);
    if (id[0] != '\0') return true;
    http_fail(request, 404, "model_not_found", "model", "model %.100s is not here", c->model);
    return false;
}

static bool webhook_allowed(const app *a, http_request *request, const call *c) {
    const char *url = json_string_value(json_object_get(c->fields, "webhook_url"));
    am_error error;
    if (url == NULL || webhook_check(url, a->opts->webhook_private, &error) == AM_OK) return true;
    http_fail(request, 400, NULL, "webhook_url", "%s", error.detail);
    return false;
}

void handle_add_jobs(void *context, http_request *request) {
    const app *a = context;
    call c;
    const size_t n = count_files(http_files(request));
    if (n == 0) {
        http_fail(request, 400, NULL, "file", "the field file is missing");
        return;
    }
    if (!transcribe_read(a, request, &c)) return;
    new_job *news = heap_new(n * sizeof *news);
    if (news == NULL) {
        http_reply(request, 503, "application/json", NULL, 0);
    } else if (model_exists(a, request, &c) && webhook_allowed(a, request, &c)) {
        add_files(a, request, &c, news);
    }
    heap_free(news);
    call_free(&c);
}

/* ---- GET /jobs ----------------------------------------------------------------------------- */

bool jobs_query_int(http_request *request, const char *name, int least, int most,
                    int *value) {
    const char *given = http_query(request, name);
    if (given == NULL || given[0] == '\0') return true;
    const size_t n = strlen(given);
    int number = 0;
    for (size_t i = 0; i < n && n < 10; i++) number = 10 * number + (given[i] - '0');
    if (strspn(given, "0123456789") == n && n < 10 && number >= least && number <= most) {
        *value = number;
        return true;
    }
    http_fail(request, 400, NULL, name, "%s: expected %d to %d, found \"%.40s\"", name, least,
              most, given);
    return false;
}

static bool read_query(http_request *request, job_query *query) {
    job_status status;
    const char *name = http_query(request, "status");
    *query = (job_query){.status = -1, .words = http_query(request, "q"), .limit = 50};
    if (name != NULL && name[0] != '\0') {
        if (!job_status_by_name(name, &status)) {
            http_fail(request, 400, NULL, "status", "status: expected queued, running, done, "
                      "failed or cancelled, found \"%.40s\"", name);
            return false;
        }
        query->status = (int)status;
    }
    return jobs_query_int(request, "limit", 0, LIST_MAX, &query->limit) &&
           jobs_query_int(request, "offset", 0, 999999999, &query->offset);
}

void handle_list_jobs(void *context, http_request *request) {
    const app *a = context;
    job_query query;
    job *list = NULL;
    size_t n = 0;
    size_t n_total = 0;
    am_error error;
    if (!read_query(request, &query)) return;
    if (store_list_jobs(jobs_store(a->jobs), &query, &list, &n, &n_total, &error) != AM_OK) {
        jobs_fail(request, &error);
        return;
    }
    json_t *all = json_array();
    for (size_t i = 0; i < n; i++) json_array_append_new(all, jobs_json(a->jobs, &list[i]));
    jobs_free(list, n);
    reply_json(request, 200, json_pack("{s:o, s:I}", "jobs", all, "total", (json_int_t)n_total));
}

/* ---- One job ------------------------------------------------------------------------------- */

void handle_job(void *context, http_request *request) {
    jobs_reply(context, request, 200, http_part(request));
}

void handle_delete_job(void *context, http_request *request) {
    const app *a = context;
    bool removed = false;
    am_error error;
    if (jobs_delete(a->jobs, http_part(request), &removed, &error) != AM_OK) {
        jobs_fail(request, &error);
    } else if (removed) {
        http_reply_static(request, 204, NULL, "", 0);
    } else {
        jobs_reply(a, request, 200, http_part(request));
    }
}

void handle_retry_job(void *context, http_request *request) {
    const app *a = context;
    bool changed = false;
    am_error error;
    if (jobs_retry(a->jobs, http_part(request), &changed, &error) != AM_OK) {
        jobs_fail(request, &error);
    } else if (!changed) {
        http_fail(request, 409, NULL, NULL, "only a failed or cancelled job can run again");
    } else {
        jobs_reply(a, request, 202, http_part(request));
    }
}

/* What browsers play; anything else is bytes to them. */
static const char *audio_type(const char *name) {
    static const char *const types[][2] = {
        {".mp3", "audio/mpeg"}, {".wav", "audio/wav"},   {".flac", "audio/flac"},
        {".ogg", "audio/ogg"},  {".oga", "audio/ogg"},   {".opus", "audio/ogg"},
        {".m4a", "audio/mp4"},  {".aac", "audio/aac"},   {".mp4", "video/mp4"},
        {".m4v", "video/mp4"},  {".webm", "video/webm"}, {".mkv", "video/x-matroska"},
        {".mov", "video/quicktime"},
    };
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot != NULL && i < sizeof types / sizeof types[0]; i++) {
        if (strcasecmp(dot, types[i][0]) == 0) return types[i][1];
    }
    return "application/octet-stream";
}

void handle_job_audio(void *context, http_request *request) {
    const app *a = context;
    char path[1024];
    job found;
    am_error error;
    if (store_find_job(jobs_store(a->jobs), http_part(request), &found, &error) != AM_OK) {
        jobs_fail(request, &error);
        return;
    }
    jobs_audio_path(a->jobs, found.id, path, sizeof path);
    http_reply_header(request, "X-Content-Type-Options", "nosniff");
    http_reply_file(request, path, audio_type(found.name), NULL);
    job_clear(&found);
}

/* ---- Events -------------------------------------------------------------------------------- */

static size_t read_events(void *stream, char *bytes, size_t capacity) {
    bool over = false;
    const size_t n = events_read(stream, bytes, capacity, &over);
    return over ? HTTP_STREAM_END : n;
}

static void leave_events(void *stream) {
    events_leave(stream);
}

static void listen(const app *a, http_request *request, const char *id) {
    listener *l = NULL;
    am_error error;
    if (jobs_listen(a->jobs, id, &l, &error) != AM_OK) {
        jobs_fail(request, &error);
        return;
    }
    http_reply_stream(request, 200, "text/event-stream", read_events, l, leave_events);
}

void handle_job_events(void *context, http_request *request) {
    listen(context, request, http_part(request));
}

void handle_all_events(void *context, http_request *request) {
    listen(context, request, NULL);
}
