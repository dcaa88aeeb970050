/* Other servers' routes: see route_compat.h. */
#include "server/handlers/route_compat.h"

#include <stdio.h>
#include <string.h>

#include "common/report.h"
#include "server/answers/openai_body.h"
#include "server/handlers/reply.h"
#include "server/handlers/route_transcribe.h"

#define ENGINE_NAME "amanuensis"

static bool is_true(const char *value) {
    return strcmp(value, "true") == 0 || strcmp(value, "True") == 0 || strcmp(value, "1") == 0;
}

static bool is_false(const char *value) {
    return strcmp(value, "false") == 0 || strcmp(value, "False") == 0 || strcmp(value, "0") == 0;
}

/* ---- openai-whisper-asr-webservice --------------------------------------------------------- */

/* encode=false: the client sends 16-bit PCM at 16 kHz without a header. */
static void read_encode(const http_request *request, call *c) {
    const char *encode = http_field_value(request, "encode");
    if (encode != NULL && is_false(encode)) c->opts.audio.raw = AM_PCM_S16LE;
}

/* A header holds no quotes, and nothing beyond ASCII. */
static void attachment(const http_file *file, const char *extension, char value[256]) {
    char name[160];
    size_t n = 0;
    for (const char *at = file->filename; *at != '\0' && n + 1 < sizeof name; at++) {
        const bool plain = *at >= ' ' && *at <= '~' && *at != '"' && *at != '\\';
        name[n++] = plain ? *at : '_';
    }
    name[n] = '\0';
    snprintf(value, 256, "attachment; filename=\"%s.%s\"", n > 0 ? name : "audio", extension);
}

static void reply_asr(http_request *request, const am_result *result, const call *c,
                      const http_file *file, am_format format) {
    am_error error = {0};
    char value[256];
    text out;
    text_init(&out, BODY_BYTES_MAX);
    if (am_result_write(result, format, &c->opts.write, text_write, &out, &error) != AM_OK) {
        text_free(&out);
        http_fail_status(request, &error, NULL);
        return;
    }
    attachment(file, am_format_extension(format), value);
    http_reply_header(request, "Asr-Engine", ENGINE_NAME);
    http_reply_header(request, "Content-Disposition", value);
    const bool is_json = format == AM_FORMAT_JSON;
    reply_text(request, 200, is_json ? "application/json" : "text/plain; charset=utf-8", &out);
}

void handle_asr(void *context, http_request *request) {
    const app *a = context;
    call c;
    am_format format = AM_FORMAT_TXT;
    const char *output = http_field_value(request, "output");
    if (output != NULL && am_format_by_name(output, &format) != AM_OK) {
        http_fail(request, 400, NULL, "output", "expected txt, vtt, srt, tsv or json");
        return;
    }
    if (!transcribe_read(a, request, &c)) return;
    read_encode(request, &c);
    const http_file *file = transcribe_file(request);
    if (file != NULL) {
        work w = {.path = file->path};
        am_result *result = transcribe_run(a, request, &c, &w);
        if (result != NULL) reply_asr(request, result, &c, file, format);
        am_result_free(&result);
    }
    call_free(&c);
}

void handle_detect_language(void *context, http_request *request) {
    const app *a = context;
    call c;
    if (!transcribe_read(a, request, &c)) return;
    read_encode(request, &c);
    const http_file *file = transcribe_file(request);
    if (file != NULL) {
        work w = {.path = file->path, .detect_only = true};
        am_result *none = transcribe_run(a, request, &c, &w);
        am_result_free(&none);
        if (!http_replied(request) && w.n_languages > 0) {
            const am_language_prob *best = &w.languages[0];
            reply_json(request, 200,
                       json_pack("{s:s, s:s, s:f}", "detected_language",
                                 am_language_name(best->code), "language_code", best->code,
                                 "confidence", (double)best->probability));
        }
    }
    call_free(&c);
}

/* ---- whisper.cpp --------------------------------------------------------------------------- */

/* Its names and its ways to say "the default". */
static bool as_inference(const char **name, const char **value) {
    static const struct {
        const char *theirs, *ours;
    } names[] = {{"no_timestamps", "without_timestamps"}, {"logprob_thold", "logprob_threshold"},
                 {"max_len", "max_line_width"}};
    static const char *const dropped[] = {
        "detect_language", "suppress_nst", "suppress_non_speech", "offset_t", "duration",
        "no_language_probabilities", "split_on_word", "token_timestamps"};
    static const char *const counts[] = {"beam_size", "best_of", "max_line_width"};
    int n = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(*name, names[i].theirs) == 0) *name = names[i].ours;
    }
    for (size_t i = 0; i < sizeof dropped / sizeof dropped[0]; i++) {
        if (strcmp(*name, dropped[i]) == 0) return false;
    }
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        if (strcmp(*name, counts[i]) == 0 && sscanf(*value, "%d", &n) == 1 && n <= 0) return false;
    }
    if (strcmp(*name, "translate") == 0) {
        *name = "task";
        *value = is_true(*value) ? "translate" : "transcribe";
    } else if (strcmp(*name, "temperature_inc") == 0 && strspn(*value, "0.") == strlen(*value)) {
        *value = "None";
    }
    return true;
}

/* offset_t and duration, in milliseconds, as the part to transcribe. */
static am_status read_part(const http_request *request, call *c, am_error *error) {
    const char *const names[] = {"offset_t", "duration"};
    int ms[2] = {0, 0};
    char part[64];
    for (size_t i = 0; i < 2; i++) {
        const char *value = http_field_value(request, names[i]);
        if (value == NULL || value[0] == '\0') continue;
        if (sscanf(value, "%d", &ms[i]) != 1 || ms[i] < 0) {
            return report_fail(error, AM_E_ARG, "%s: expected milliseconds", names[i]);
        }
    }
    if (ms[0] == 0 && ms[1] == 0) return AM_OK;
    const double start = 1e-3 * ms[0];
    if (ms[1] == 0) {
        snprintf(part, sizeof part, "%.3f", start);
    } else {
        snprintf(part, sizeof part, "%.3f,%.3f", start, start + 1e-3 * ms[1]);
    }
    return call_set(c, "clip_timestamps", part, error);
}

/* OpenAI's, with what whisper.cpp adds to it. */
static json_t *inference_verbose(const am_result *result) {
    size_t n = 0;
    const am_segment *segments = am_result_segments(result, &n);
    const char *name = am_language_name(am_result_language(result));
    json_t *json = openai_verbose(result, false, true);
    json_t *list = json_object_get(json, "segments");
    for (size_t i = 0; i < n; i++) {
        json_t *segment = body_segment(&segments[i]);
        (void)json_object_set(json_array_get(list, i), "words", json_object_get(segment, "words"));
        if (segment != NULL) json_decref(segment);
    }
    (void)json_object_set_new(json, "detected_language", json_string(name != NULL ? name : ""));
    (void)json_object_set_new(json, "detected_language_probability",
                              json_real(am_result_language_probability(result)));
    return json;
}

static void reply_inference(http_request *request, const am_result *result, const work *w,
                            const call *c) {
    am_error error = {0};
    text out;
    if (c->format == CALL_JSON) {
        reply_json(request, 200, json_pack("{s:s}", "text", openai_text(result)));
        return;
    }
    if (c->format == CALL_VERBOSE_JSON) {
        reply_json(request, 200, inference_verbose(result));
        return;
    }
    text_init(&out, BODY_BYTES_MAX);
    if (body_write(result, w, c, &out, &error) == AM_OK) {
        reply_text(request, 200, call_format_type(c->format), &out);
    } else {
        text_free(&out);
        http_fail_status(request, &error, "response_format");
    }
}

void handle_inference(void *context, http_request *request) {
    const app *a = context;
    call c;
    am_error error = {0};
    if (!transcribe_read_as(a, request, &c, as_inference)) return;
    const http_file *file = transcribe_file(request);
    const am_params *params = &c.opts.params;
    if (c.format == CALL_VERBOSE_JSON) c.opts.params.word_timestamps = !params->without_timestamps;
    if (file != NULL && read_part(request, &c, &error) != AM_OK) {
        transcribe_fail_field(request, &error);
    } else if (file != NULL) {
        work w = {.path = file->path};
        am_result *result = transcribe_run(a, request, &c, &w);
        if (result != NULL) reply_inference(request, result, &w, &c);
        am_result_free(&result);
    }
    call_free(&c);
}
