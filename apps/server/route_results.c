/* Results, edits and waveforms over HTTP: see route_results.h. */
#include "server/route_results.h"

#include <stdio.h>
#include <string.h>

#include "common/heap.h"
#include "common/report.h"
#include "server/body.h"
#include "server/record.h"
#include "server/route_jobs.h"
#include "server/route_transcribe.h"

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
