/* Fields to options: see call.h. */
#include "server/engine/call.h"

#include <stdio.h>
#include <string.h>

#include "common/heap.h"
#include "common/report.h"
#include "server/base/text_buffer.h"

#define KEYWORDS_BYTES_MAX ((size_t)16 << 10)

static const struct {
    const char *name, *type;
} formats[] = {
    [CALL_JSON] = {"json", "application/json"},
    [CALL_VERBOSE_JSON] = {"verbose_json", "application/json"},
    [CALL_TEXT] = {"text", "text/plain; charset=utf-8"},
    [CALL_SRT] = {"srt", "application/x-subrip; charset=utf-8"},
    [CALL_VTT] = {"vtt", "text/vtt; charset=utf-8"},
    [CALL_TSV] = {"tsv", "text/tab-separated-values; charset=utf-8"},
    [CALL_CSV] = {"csv", "text/csv; charset=utf-8"},
    [CALL_LRC] = {"lrc", "text/plain; charset=utf-8"},
    [CALL_HTML] = {"html", "text/html; charset=utf-8"},
    [CALL_DOCX] = {"docx",
                   "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    [CALL_DIARIZED_JSON] = {"diarized_json", "application/json"},
};

/* Other names of options, as clients of other servers send them. */
static const struct {
    const char *name, *option;
} other_names[] = {
    {"initial_prompt", "initial_prompt"}, {"prompt", "initial_prompt"},
    {"log_prob_threshold", "logprob_threshold"},
    {"temperature_inc", "temperature_increment_on_fallback"},
    {"no_speech_thold", "no_speech_threshold"}, {"vad", "vad_filter"},
};

/* Fields that are read by their handlers, and no options. */
static const char *const known_fields[] = {
    "file", "audio", "audio_file", "diarize", "min_speakers", "max_speakers", "num_speakers",
    "stream", "timestamp_granularities", "include", "chunking_strategy", "languages",
    "known_speaker_names", "known_speaker_references", "webhook_url", "name", "encode", "output",
    "key", "format", "download"};

bool call_format_by_name(const char *name, call_format *format) {
    if (strcmp(name, "txt") == 0) name = "text";
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (strcmp(formats[i].name, name) != 0) continue;
        *format = (call_format)i;
        return true;
    }
    return false;
}

const char *call_format_name(call_format format) {
    return formats[format].name;
}

const char *call_format_type(call_format format) {
    return formats[format].type;
}

am_status call_init(call *c, const options *defaults, am_error *error) {
    *c = (call){.opts = *defaults, .fields = json_object()};
    c->opts.quiet = true; /* nobody reads warnings on the server's terminal */
    c->model = heap_string("");
    if (c->fields != NULL && c->model != NULL) return AM_OK;
    return report_fail(error, AM_E_MEMORY, "a request");
}

void call_free(call *c) {
    if (c->fields != NULL) json_decref(c->fields);
    heap_free(c->model);
    *c = (call){0};
}

static const option_spec *find_option(const char *name) {
    for (size_t i = 0; i < sizeof other_names / sizeof other_names[0]; i++) {
        if (strcmp(other_names[i].name, name) == 0) name = other_names[i].option;
    }
    const option_spec *spec = options_find(name, strlen(name));
    return spec != NULL && (spec->verbs & VERB_REQUEST) != 0 ? spec : NULL;
}

static void ignore(call *c, const char *name) {
    for (size_t i = 0; i < sizeof known_fields / sizeof known_fields[0]; i++) {
        const size_t n = strlen(known_fields[i]);
        const bool same = strncmp(known_fields[i], name, n) == 0;
        if (same && (name[n] == '\0' || name[n] == '[')) return;
    }
    const size_t n = strlen(c->ignored);
    for (const char *at = name; *at != '\0'; at++) {
        const bool plain = (*at >= '0' && *at <= '9') || (*at >= 'A' && *at <= 'Z') ||
                           (*at >= 'a' && *at <= 'z') || strchr("_-[].", *at) != NULL;
        if (!plain) return; /* no header is made of anything */
    }
    if (n + strlen(name) + 3 > sizeof c->ignored) return;
    snprintf(c->ignored + n, sizeof c->ignored - n, "%s%s", n > 0 ? ", " : "", name);
}

static am_status set_format(call *c, const char *value, am_error *error) {
    if (call_format_by_name(value, &c->format)) return AM_OK;
    return report_fail(error, AM_E_ARG,
                       "response_format: expected json, verbose_json, text, srt, vtt, tsv, csv, "
                       "lrc, html or docx, found \"%.40s\"", value);
}

static void add_word(text *words, const char *word) {
    if (word == NULL || word[0] == '\0') return;
    if (words->n > 0) text_add_string(words, ", ");
    text_add_string(words, word);
}

/* Members of a list that comes field by field, or as JSON: OpenAI's name for hotwords. */
static am_status add_keywords(call *c, const char *value, am_error *error) {
    text words;
    size_t n = 0;
    size_t index;
    const json_t *member;
    json_t *list = value[0] == '[' ? json_loads(value, 0, NULL) : NULL;
    text_init(&words, KEYWORDS_BYTES_MAX);
    add_word(&words, json_string_value(json_object_get(c->fields, "keywords")));
    json_array_foreach(list, index, member) add_word(&words, json_string_value(member));
    if (!json_is_array(list)) add_word(&words, value);
    if (list != NULL) json_decref(list);
    const bool too_long = words.failed;
    char *all = text_take(&words, &n);
    json_t *kept = all != NULL ? json_string(all) : NULL;
    heap_free(all);
    if (kept == NULL || json_object_set_new(c->fields, "keywords", kept) != 0) {
        return report_fail(error, too_long ? AM_E_LIMIT : AM_E_ARG, "keywords: %s",
                           too_long ? "too many" : "no words in UTF-8");
    }
    c->opts.params.hotwords = json_string_value(kept);
    return AM_OK;
}

am_status call_set(call *c, const char *name, const char *value, am_error *error) {
    if (value[0] == '\0') return AM_OK;
    if (strcmp(name, "keywords") == 0 || strcmp(name, "keywords[]") == 0) {
        return add_keywords(c, value, error);
    }
    json_t *kept = json_string(value);
    if (kept == NULL || json_object_set_new(c->fields, name, kept) != 0) {
        return report_fail(error, AM_E_ARG, "%.64s: no UTF-8", name);
    }
    value = json_string_value(kept);
    if (strcmp(name, "response_format") == 0) return set_format(c, value, error);
    if (strcmp(name, "model") == 0) {
        heap_free(c->model);
        c->model = heap_string(value);
        return c->model != NULL ? AM_OK : report_fail(error, AM_E_MEMORY, "a request");
    }
    const option_spec *spec = find_option(name);
    if (spec == NULL) {
        ignore(c, name);
        return AM_OK;
    }
    return options_set(&c->opts, spec, name, value, error);
}

/* A member's value as the text a form would hold; false when it has none. */
static bool value_text(const json_t *value, char *shown, size_t size) {
    if (json_is_true(value) || json_is_false(value)) {
        snprintf(shown, size, "%s", json_is_true(value) ? "true" : "false");
    } else if (json_is_integer(value)) {
        snprintf(shown, size, "%lld", (long long)json_integer_value(value));
    } else if (json_is_real(value)) {
        snprintf(shown, size, "%.17g", json_real_value(value));
    } else {
        return false;
    }
    return true;
}

am_status call_set_json(call *c, json_t *object, am_error *error) {
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value) {
        char shown[64];
        const char *string = json_string_value(value);
        const bool is_recording = strcmp(name, "audio") == 0 || strcmp(name, "file") == 0;
        if (is_recording || json_is_null(value)) continue;
        if (json_is_array(value)) {
            char *list = json_dumps(value, JSON_COMPACT);
            am_status status = list != NULL ? call_set(c, name, list, error)
                                            : report_fail(error, AM_E_MEMORY, "a request");
            heap_free(list);
            REPORT_TRY(status);
            continue;
        }
        if (string == NULL && value_text(value, shown, sizeof shown)) string = shown;
        if (string == NULL) return report_fail(error, AM_E_ARG, "%.64s: not a plain value", name);
        REPORT_TRY(call_set(c, name, string, error));
    }
    return AM_OK;
}

am_status call_resolve(call *c, am_error *error) {
    const char *asked = json_string_value(json_object_get(c->fields, "diarize"));
    if (asked != NULL && strcmp(asked, "false") != 0 && strcmp(asked, "False") != 0 &&
        strcmp(asked, "0") != 0) {
        return report_fail(error, AM_E_UNSUPPORTED,
                           "diarize: this version does not tell speakers apart yet");
    }
    const am_write_options *write = &c->opts.write;
    if (write->highlight_words || write->max_line_width > 0 || write->max_words_per_line > 0) {
        c->opts.params.word_timestamps = true;
    }
    return options_resolve(&c->opts, error);
}
