/* Results, edits and waveforms over HTTP: see route_results.h. */
#include "server/handlers/route_results.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "common/heap.h"
#include "common/report.h"
#include "server/answers/body.h"
#include "server/answers/peaks.h"
#include "server/answers/record.h"
#include "server/handlers/route_jobs.h"
#include "server/handlers/route_transcribe.h"
#include "server/base/server_log.h"

#define N_PEAKS_MAX 10000

/* The job, which must be done; false when it has replied. */
static bool find_done(const app *a, http_request *request, job *found) {
    am_error error;
    if (store_find_job(jobs_store(a->jobs), http_part(request), found, &error) != AM_OK) {
        jobs_fail(request, &error);
        return false;
    }
    if (found->status == JOB_DONE) return true;
    http_fail(request, 409, NULL, NULL, "the job is %s", job_status_name(found->status));
    job_clear(found);
    return false;
}

/* ---- GET ----------------------------------------------------------------------------------- */

/* "talk.mp3" and srt to "talk.srt", of characters that need no quoting. */
static void file_name(const char *name, call_format format, char out[256]) {
    const char *dot = strrchr(name, '.');
    const size_t n = dot != NULL && dot != name ? (size_t)(dot - name) : strlen(name);
    size_t to = 0;
    for (size_t i = 0; i < n && to < 200; i++) {
        const char c = name[i];
        const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                           (c >= 'a' && c <= 'z') || (c != '\0' && strchr(" -_.()", c) != NULL);
        out[to++] = plain ? c : '_';
    }
    const char *extension = format == CALL_TEXT           ? "txt"
                            : format == CALL_VERBOSE_JSON ? "json"
                            : format == CALL_DIARIZED_JSON ? "json"
                                                           : call_format_name(format);
    snprintf(out + to, 256 - to, ".%s", extension);
}

static void write_result(http_request *request, const job *j, const char *kept, const call *c) {
    am_result *result = NULL;
    work w = {.opts = &c->opts};
    am_error error = {0};
    text out;
    text_init(&out, BODY_BYTES_MAX);
    am_status status = record_read(kept, &result, &w, &error);
    if (status == AM_OK) status = body_write(result, &w, c, &out, &error);
    am_result_free(&result);
    if (status != AM_OK) {
        text_free(&out);
        http_fail_status(request, &error, status == AM_E_UNSUPPORTED ? "format" : NULL);
        return;
    }
    const char *download = http_query(request, "download");
    if (download != NULL && strcmp(download, "0") != 0 && strcmp(download, "false") != 0) {
        char name[256];
        char value[320];
        file_name(j->name, c->format, name);
        snprintf(value, sizeof value, "attachment; filename=\"%s\"", name);
        http_reply_header(request, "Content-Disposition", value);
    }
    size_t n = 0;
    char *bytes = text_take(&out, &n);
    http_reply_header(request, "X-Job-ID", j->id);
    http_reply(request, 200, call_format_type(c->format), bytes, n);
}

void handle_result(void *context, http_request *request) {
    const app *a = context;
    const char *format = http_query(request, "format");
    job found;
    call c;
    char *kept = NULL;
    am_error error;
    if (!find_done(a, request, &found)) return;
    if (!transcribe_read(a, request, &c)) {
        job_clear(&found);
        return;
    }
    if (format != NULL && format[0] != '\0' && !call_format_by_name(format, &c.format)) {
        http_fail(request, 400, NULL, "format", "format: no \"%.40s\" here", format);
    } else if (store_get_result(jobs_store(a->jobs), found.id, false, &kept, &error) != AM_OK) {
        jobs_fail(request, &error);
    } else {
        write_result(request, &found, kept, &c);
    }
    heap_free(kept);
    call_free(&c);
    job_clear(&found);
}

/* ---- Edits --------------------------------------------------------------------------------- */

/* The result that is now shown becomes the one that is searched, too. */
static am_status keep_edit(const app *a, const job *j, const char *edited, const char *shown,
                           am_error *error) {
    am_result *result = NULL;
    work w = {0};
    REPORT_TRY(record_read(shown, &result, &w, error));
    const am_status status =
        store_edit_result(jobs_store(a->jobs), j->id, edited, am_result_text(result), error);
    am_result_free(&result);
    return status;
}

static am_status edit(const app *a, http_request *request, const job *j, am_error *error) {
    size_t n = 0;
    char *original = NULL;
    char *edited = NULL;
    const char *body = http_body(request, &n);
    json_t *transcript = json_loadb(body, n, JSON_REJECT_DUPLICATES, NULL);
    am_status status = json_is_object(transcript)
                           ? store_get_result(jobs_store(a->jobs), j->id, true, &original, error)
                           : report_fail(error, AM_E_ARG, "the body is no JSON object");
    if (status == AM_OK) status = record_edit(transcript, original, &edited, error);
    if (status == AM_OK) status = keep_edit(a, j, edited, edited, error);
    heap_free(edited);
    heap_free(original);
    if (transcript != NULL) json_decref(transcript);
    return status;
}

static void reply_edited(const app *a, http_request *request, const job *j, am_status status,
                         const am_error *error) {
    if (status == AM_E_ARG) {
        http_fail(request, 400, NULL, "segments", "%s", error->detail);
    } else if (status != AM_OK) {
        jobs_fail(request, error);
    } else {
        jobs_tell_edited(a->jobs, j->id);
        jobs_reply(a, request, 200, j->id);
    }
}

void handle_edit_result(void *context, http_request *request) {
    const app *a = context;
    job found;
    am_error error = {0};
    if (!find_done(a, request, &found)) return;
    const am_status status = edit(a, request, &found, &error);
    reply_edited(a, request, &found, status, &error);
    job_clear(&found);
}

void handle_revert_result(void *context, http_request *request) {
    const app *a = context;
    job found;
    char *original = NULL;
    am_error error = {0};
    if (!find_done(a, request, &found)) return;
    am_status status = store_get_result(jobs_store(a->jobs), found.id, true, &original, &error);
    if (status == AM_OK) status = keep_edit(a, &found, NULL, original, &error);
    reply_edited(a, request, &found, status, &error);
    heap_free(original);
    job_clear(&found);
}

/* ---- Waveforms ----------------------------------------------------------------------------- */

/* Recordings are decoded one after another here: transcribing has the machine first. */
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

static am_status get_peaks(const app *a, const char *id, unsigned char **peaks, size_t *n,
                           double *duration, am_error *error) {
    char path[1024];
    REPORT_TRY(store_get_peaks(jobs_store(a->jobs), id, peaks, n, duration, error));
    if (*n > 0) return AM_OK;
    heap_free(*peaks);
    *peaks = NULL;
    jobs_audio_path(a->jobs, id, path, sizeof path);
    REPORT_TRY(peaks_make(path, &a->opts->audio, peaks, n, duration, error));
    am_error unkept;
    if (store_set_peaks(jobs_store(a->jobs), id, *peaks, *n, *duration, &unkept) != AM_OK) {
        log_line(AM_LOG_WARN, "the outline of %s is not kept: %s", id, unkept.detail);
    }
    return AM_OK;
}

static void reply_peaks(http_request *request, const unsigned char *peaks, size_t n,
                        double duration, size_t n_out) {
    float fitted[N_PEAKS_MAX];
    text out;
    text_init(&out, (size_t)1 << 20);
    peaks_fit(peaks, n, fitted, n_out);
    text_print(&out, "{\"duration\":%.3f,\"peaks\":[", duration);
    for (size_t i = 0; i < n_out; i++) {
        text_print(&out, "%s%.3g", i > 0 ? "," : "", (double)fitted[i]);
    }
    text_add_string(&out, "]}\n");
    size_t n_bytes = 0;
    char *bytes = text_take(&out, &n_bytes);
    http_reply(request, 200, "application/json", bytes, n_bytes);
}

void handle_peaks(void *context, http_request *request) {
    const app *a = context;
    unsigned char *peaks = NULL;
    size_t n = 0;
    int n_out = 1000;
    double duration = 0;
    job found;
    am_error error = {0};
    if (!jobs_query_int(request, "n", 1, N_PEAKS_MAX, &n_out)) return;
    if (store_find_job(jobs_store(a->jobs), http_part(request), &found, &error) != AM_OK) {
        jobs_fail(request, &error);
        return;
    }
    pthread_mutex_lock(&one_at_a_time);
    const am_status status = get_peaks(a, found.id, &peaks, &n, &duration, &error);
    pthread_mutex_unlock(&one_at_a_time);
    if (status == AM_OK) {
        reply_peaks(request, peaks, n, duration, (size_t)n_out);
    } else {
        jobs_fail(request, &error);
    }
    heap_free(peaks);
    job_clear(&found);
}
