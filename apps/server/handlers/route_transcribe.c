/* POST /transcribe, and what other routes share with it: see route_transcribe.h. */
#include "server/handlers/route_transcribe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/report.h"
#include "server/handlers/reply.h"
#include "server/store/spool.h"

/* The field an option's message begins with. */
void transcribe_fail_field(http_request *request, const am_error *error) {
    char param[64];
    const size_t n = strcspn(error->detail, ":");
    const bool named = error->detail[n] == ':' && n < sizeof param &&
                       memchr(error->detail, ' ', n) == NULL;
    snprintf(param, sizeof param, "%.*s", named ? (int)n : 0, error->detail);
    http_fail_status(request, error, named ? param : NULL);
}

static am_status read_fields(const http_request *request, call *c, transcribe_field_fn *rename,
                             am_error *error) {
    size_t n_body = 0;
    for (const http_field *field = http_fields(request); field != NULL; field = field->next) {
        const char *name = field->name;
        const char *value = field->value;
        if (rename != NULL && !rename(&name, &value)) continue;
        REPORT_TRY(call_set(c, name, value, error));
    }
    const char *body = http_body(request, &n_body);
    if (n_body == 0) return call_resolve(c, error);
    json_t *object = json_loadb(body, n_body, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(object)) {
        if (object != NULL) json_decref(object);
        return report_fail(error, AM_E_ARG, "the body is no JSON object");
    }
    am_status status = call_set_json(c, object, error);
    json_decref(object);
    if (status == AM_OK) status = call_resolve(c, error);
    return status;
}

bool transcribe_read_as(const app *a, http_request *request, call *c,
                        transcribe_field_fn *rename) {
    am_error error;
    am_status status = call_init(c, a->opts, &error);
    if (status == AM_OK) status = read_fields(request, c, rename, &error);
    if (status != AM_OK) {
        call_free(c);
        transcribe_fail_field(request, &error);
        return false;
    }
    if (c->ignored[0] != '\0') http_reply_header(request, "X-Ignored-Fields", c->ignored);
    return true;
}

bool transcribe_read(const app *a, http_request *request, call *c) {
    return transcribe_read_as(a, request, c, NULL);
}

http_file *transcribe_file(http_request *request) {
    http_file *file = http_files(request);
    if (file == NULL) {
        http_fail(request, 400, NULL, "file", "the field file is missing");
    } else if (file->n_bytes == 0) {
        http_fail(request, 400, NULL, "file", "the file is empty");
        return NULL;
    }
    return file;
}

void transcribe_fail(http_request *request, const am_error *error, bool busy) {
    if (busy) {
        http_reply_header(request, "Retry-After", "2");
        http_fail(request, 429, "queue_full", NULL, "%s", error->detail);
    } else if (error->status == AM_E_NOT_FOUND && strstr(error->detail, "model") != NULL) {
        http_fail(request, 404, "model_not_found", "model", "%s", error->detail);
    } else {
        const bool of_file = error->status == AM_E_AUDIO || error->status == AM_E_NO_AUDIO ||
                             error->status == AM_E_LIMIT;
        /* Clients of OpenAI try again after any 5xx: what fails the same way costs double. */
        if (am_status_http(error->status) >= 500 && !am_status_retryable(error->status)) {
            http_reply_header(request, "x-should-retry", "false");
        }
        if (of_file) {
            http_fail_status(request, error, "file");
        } else {
            transcribe_fail_field(request, error);
        }
    }
}

static bool client_gone(void *user) {
    return http_gone(user);
}

am_result *transcribe_run(const app *a, http_request *request, const call *c, work *w) {
    const am_callbacks callbacks = {.cancel = client_gone, .user = request};
    am_result *result = NULL;
    am_error error = {0};
    bool busy = false;
    w->opts = &c->opts;
    w->model = c->model;
    if (w->callbacks == NULL) w->callbacks = &callbacks;
    if (service_run(a->service, w, &result, &busy, &error) == AM_OK) return result;
    transcribe_fail(request, &error, busy);
    return NULL;
}

/* A JSON request carries its recording in base64: a file like any other from here on. */
static bool spool_base64(const app *a, http_request *request, char path[1024]) {
    size_t n_body = 0;
    const char *body = http_body(request, &n_body);
    json_t *object = json_loadb(body, n_body, 0, NULL);
    const char *encoded = json_string_value(json_object_get(object, "audio"));
    if (encoded == NULL) encoded = json_string_value(json_object_get(object, "file"));
    am_error error = {0};
    am_status status = AM_OK;
    if (encoded == NULL) {
        status = report_fail(&error, AM_E_ARG, "audio: expected the recording in base64");
    }
    if (status == AM_OK) status = spool_write_base64(a->spool_dir, encoded, path, 1024, &error);
    if (object != NULL) json_decref(object);
    if (status == AM_OK) return true;
    http_fail_status(request, &error, "audio");
    return false;
}

static void reply_result(http_request *request, const am_result *result, const work *w,
                         const call *c) {
    am_error error = {0};
    text out;
    text_init(&out, BODY_BYTES_MAX);
    if (body_write(result, w, c, &out, &error) != AM_OK) {
        text_free(&out);
        http_fail_status(request, &error, "response_format");
        return;
    }
    reply_text(request, 200, call_format_type(c->format), &out);
}

void handle_transcribe(void *context, http_request *request) {
    const app *a = context;
    call c;
    char path[1024] = "";
    size_t n_body = 0;
    if (!transcribe_read(a, request, &c)) return;
    const bool is_json = http_body(request, &n_body)[0] != '\0';
    const http_file *file = is_json ? NULL : transcribe_file(request);
    if (file != NULL || (is_json && spool_base64(a, request, path))) {
        work w = {.path = file != NULL ? file->path : path};
        am_result *result = transcribe_run(a, request, &c, &w);
        http_reply_header(request, "X-Job-ID", http_id(request));
        if (result != NULL) reply_result(request, result, &w, &c);
        am_result_free(&result);
    }
    if (path[0] != '\0') unlink(path);
    call_free(&c);
}
