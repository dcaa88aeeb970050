/* OpenAI's interface: see route_openai.h, docs/api.md and OpenAI's published schema. */
#include "server/openai/route_openai.h"

#include <string.h>

#include "common/report.h"
#include "server/answers/openai_body.h"
#include "server/openai/openai_fields.h"
#include "server/openai/openai_logprobs.h"
#include "server/openai/openai_stream.h"
#include "server/handlers/reply.h"
#include "server/handlers/route_transcribe.h"

/* ---- Transcriptions and translations ------------------------------------------------------- */

/* The most probable of the languages the client named; false when it has replied. */
static bool choose_language(const app *a, http_request *request, call *c, const openai_form *form,
                            const http_file *file) {
    size_t index;
    const json_t *member;
    if (json_array_size(form->languages) < 2) return true;
    work w = {.path = file->path, .detect_only = true};
    am_result *none = transcribe_run(a, request, c, &w);
    am_result_free(&none);
    for (size_t i = 0; i < w.n_languages; i++) {
        json_array_foreach(form->languages, index, member) {
            if (strcmp(json_string_value(member), w.languages[i].code) != 0) continue;
            c->opts.params.language = w.languages[i].code;
            return true;
        }
    }
    if (!http_replied(request)) {
        http_fail(request, 400, NULL, "languages", "the model knows none of these languages");
    }
    return false;
}

/* Collects log-probabilities while the model is there to tell the texts of its tokens. */
typedef struct listener {
    http_request *request;
    const work *work;
    json_t *logprobs; /* NULL = nobody asked */
    bool failed;
} listener;

static void on_segment(void *user, const am_segment *segment) {
    listener *l = user;
    if (l->logprobs == NULL || l->failed) return;
    l->failed = !openai_logprobs_add(l->logprobs, l->work->engine, segment);
}

static bool on_cancel(void *user) {
    const listener *l = user;
    return http_gone(l->request);
}

static am_status write_body(const am_result *result, const work *w, const call *c,
                            const openai_form *form, json_t *logprobs, text *out,
                            am_error *error) {
    if (c->format == CALL_JSON) {
        json_t *json = openai_json(result);
        if (logprobs != NULL) (void)json_object_set(json, "logprobs", logprobs);
        body_dump(json, out);
    } else if (c->format == CALL_VERBOSE_JSON) {
        body_dump(openai_verbose(result, form->words, form->segments), out);
    } else if (c->format == CALL_TEXT) {
        text_print(out, "%s\n", openai_text(result));
    } else {
        return body_write(result, w, c, out, error);
    }
    return out->failed ? report_fail(error, AM_E_MEMORY, "the answer") : AM_OK;
}

static void reply_result(http_request *request, const am_result *result, const work *w,
                         const call *c, const openai_form *form, const listener *l) {
    am_error error = {0};
    text out;
    text_init(&out, BODY_BYTES_MAX);
    out.failed = l->failed;
    if (write_body(result, w, c, form, l->logprobs, &out, &error) == AM_OK) {
        reply_text(request, 200, call_format_type(c->format), &out);
    } else {
        text_free(&out);
        http_fail_status(request, &error, NULL);
    }
}

static void reply_whole(const app *a, http_request *request, const call *c,
                        const openai_form *form, const http_file *file) {
    work w = {.path = file->path};
    listener l = {request, &w, form->logprobs ? json_array() : NULL, false};
    const am_callbacks callbacks = {.segment = on_segment, .cancel = on_cancel, .user = &l};
    w.callbacks = &callbacks;
    am_result *result = transcribe_run(a, request, c, &w);
    if (result != NULL) reply_result(request, result, &w, c, form, &l);
    if (l.logprobs != NULL) json_decref(l.logprobs);
    am_result_free(&result);
}

static void transcribe(const app *a, http_request *request, bool translate) {
    call c;
    am_error error = {0};
    openai_form form = {.translate = translate};
    if (!transcribe_read(a, request, &c)) return;
    if (openai_read(request, &c, &form, &error) != AM_OK) {
        transcribe_fail_field(request, &error);
    } else {
        const http_file *file = transcribe_file(request);
        if (file != NULL && choose_language(a, request, &c, &form, file)) {
            if (form.stream) {
                openai_stream(a, request, &c, &form, file);
            } else {
                reply_whole(a, request, &c, &form, file);
            }
        }
    }
    openai_form_free(&form);
    call_free(&c);
}

void handle_openai_transcriptions(void *context, http_request *request) {
    transcribe(context, request, false);
}

void handle_openai_translations(void *context, http_request *request) {
    transcribe(context, request, true);
}

/* ---- Models -------------------------------------------------------------------------------- */

static json_t *model_json(const char *id, const model_state *state) {
    return json_pack("{s:s, s:s, s:I, s:s}", "id", id, "object", "model", "created",
                     (json_int_t)state->created, "owned_by", "amanuensis");
}

void handle_openai_models(void *context, http_request *request) {
    const app *a = context;
    am_error error;
    model_state *states = NULL;
    size_t n = 0;
    if (models_states(service_models(a->service), &states, &n, &error) != AM_OK) {
        http_fail_status(request, &error, NULL);
        return;
    }
    json_t *data = json_array();
    for (size_t i = 0; i < n; i++) {
        (void)json_array_append_new(data, model_json(states[i].id, &states[i]));
    }
    heap_free(states);
    reply_json(request, 200, json_pack("{s:s, s:o}", "object", "list", "data", data));
}

/* Under the name it was asked for, as all names of a model are good for transcribing. */
void handle_openai_model(void *context, http_request *request) {
    const app *a = context;
    models *list = service_models(a->service);
    const char *asked = http_part(request);
    char id[128];
    am_error error;
    model_state *states = NULL;
    size_t n = 0;
    models_resolve(list, asked, id, sizeof id);
    if (models_states(list, &states, &n, &error) != AM_OK) {
        http_fail_status(request, &error, NULL);
        return;
    }
    json_t *found = NULL;
    for (size_t i = 0; i < n && found == NULL; i++) {
        if (strcmp(states[i].id, id) == 0) found = model_json(asked, &states[i]);
    }
    heap_free(states);
    if (found != NULL) {
        reply_json(request, 200, found);
    } else {
        http_fail(request, 404, "model_not_found", "model", "there is no model \"%.100s\" here",
                  asked);
    }
}
