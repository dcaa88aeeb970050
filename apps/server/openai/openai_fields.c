/* OpenAI's fields and rules: see openai_fields.h. */
#include "server/openai/openai_fields.h"

#include <stdio.h>
#include <string.h>

#include "common/report.h"

#define VALUE_BYTES 64

/* ---- Lists and objects --------------------------------------------------------------------- */

/* Whether a field is `key`, `key[]` or `key[3]`. */
static bool is_member(const char *name, const char *key) {
    const size_t n = strlen(key);
    if (strncmp(name, key, n) != 0) return false;
    if (name[n] == '\0') return true;
    const size_t n_digits = name[n] == '[' ? strspn(name + n + 1, "0123456789") : 0;
    return name[n] == '[' && strcmp(name + n + 1 + n_digits, "]") == 0;
}

/* A value's members: those of a JSON list, else the parts between its commas. */
static void add_members(json_t *list, const char *value) {
    json_t *parsed = value[0] == '[' ? json_loads(value, 0, NULL) : NULL;
    if (json_is_array(parsed)) {
        (void)json_array_extend(list, parsed);
    } else {
        while (*value != '\0') {
            const size_t n = strcspn(value, ",");
            const size_t n_blanks = strspn(value, " ");
            if (n > n_blanks) {
                (void)json_array_append_new(list, json_stringn(value + n_blanks, n - n_blanks));
            }
            value += n + (value[n] == ',' ? 1 : 0);
        }
    }
    if (parsed != NULL) json_decref(parsed);
}

/* All members of a list of words; NULL when one is no string. */
static json_t *read_list(const http_request *request, const char *key, am_error *error) {
    json_t *list = json_array();
    size_t index;
    const json_t *member;
    for (const http_field *at = http_fields(request); at != NULL; at = at->next) {
        if (at->value != NULL && is_member(at->name, key)) add_members(list, at->value);
    }
    json_array_foreach(list, index, member) {
        if (json_is_string(member)) continue;
        (void)report_fail(error, AM_E_ARG, "%s: expected a list of words", key);
        json_decref(list);
        return NULL;
    }
    return list;
}

static bool has_field(const http_request *request, const char *key) {
    for (const http_field *at = http_fields(request); at != NULL; at = at->next) {
        if (is_member(at->name, key) && at->n > 0) return true;
    }
    return false;
}

/* A member of an object, from key[member]=…, or from the object as JSON; "" when absent. */
static void read_member(const http_request *request, const json_t *object, const char *key,
                        const char *member, char value[VALUE_BYTES]) {
    char name[128];
    snprintf(name, sizeof name, "%s[%s]", key, member);
    const char *given = http_field_value(request, name);
    const json_t *found = json_object_get(object, member);
    if (given != NULL) {
        snprintf(value, VALUE_BYTES, "%s", given);
    } else if (json_is_string(found)) {
        snprintf(value, VALUE_BYTES, "%s", json_string_value(found));
    } else if (json_is_integer(found)) {
        snprintf(value, VALUE_BYTES, "%lld", (long long)json_integer_value(found));
    } else if (json_is_number(found)) {
        snprintf(value, VALUE_BYTES, "%.17g", json_number_value(found));
    } else {
        snprintf(value, VALUE_BYTES, "%s", found != NULL ? "?" : "");
    }
}

/* ---- Fields -------------------------------------------------------------------------------- */

static am_status read_granularities(const http_request *request, const call *c, openai_form *form,
                                    am_error *error) {
    size_t index;
    const json_t *member;
    json_t *list = read_list(request, "timestamp_granularities", error);
    am_status status = list != NULL ? AM_OK : AM_E_ARG;
    json_array_foreach(list, index, member) {
        const char *word = json_string_value(member);
        if (strcmp(word, "word") == 0) {
            form->words = true;
        } else if (strcmp(word, "segment") == 0) {
            form->segments = true;
        } else {
            status = report_fail(error, AM_E_ARG, "timestamp_granularities: expected word or "
                                 "segment, found \"%.40s\"", word);
        }
    }
    if (status == AM_OK && form->words && c->format != CALL_VERBOSE_JSON) {
        status = report_fail(error, AM_E_ARG,
                             "timestamp_granularities: word needs response_format verbose_json");
    }
    if (json_array_size(list) == 0) form->segments = true;
    if (c->opts.params.word_timestamps) form->words = true;
    if (list != NULL) json_decref(list);
    return status;
}

static am_status read_include(const http_request *request, const call *c, openai_form *form,
                              am_error *error) {
    size_t index;
    const json_t *member;
    json_t *list = read_list(request, "include", error);
    am_status status = list != NULL ? AM_OK : AM_E_ARG;
    json_array_foreach(list, index, member) {
        const char *word = json_string_value(member);
        form->logprobs = strcmp(word, "logprobs") == 0;
        if (form->logprobs) continue;
        status = report_fail(error, AM_E_ARG, "include: expected logprobs, found \"%.40s\"", word);
        break;
    }
    if (status == AM_OK && form->logprobs && (form->translate || c->format != CALL_JSON)) {
        status = report_fail(error, AM_E_ARG, "include: logprobs needs a transcription in "
                             "response_format json");
    }
    if (list != NULL) json_decref(list);
    return status;
}

/* "auto", or a detector of the client's own measure; either way speech is looked for. */
static am_status read_chunking(const http_request *request, call *c, am_error *error) {
    static const char key[] = "chunking_strategy";
    static const struct {
        const char *member, *option;
    } members[] = {{"threshold", "vad_threshold"},
                   {"silence_duration_ms", "vad_min_silence_duration_ms"},
                   {"prefix_padding_ms", "vad_speech_pad_ms"}};
    const char *plain = http_field_value(request, key);
    char type[VALUE_BYTES];
    char value[VALUE_BYTES];
    if (plain != NULL && (plain[0] == '\0' || strcmp(plain, "auto") == 0)) return AM_OK;
    json_t *object = plain != NULL ? json_loads(plain, 0, NULL) : NULL;
    am_status status = AM_OK;
    read_member(request, object, key, "type", type);
    if (strcmp(type, "server_vad") == 0) {
        for (size_t i = 0; i < sizeof members / sizeof members[0] && status == AM_OK; i++) {
            read_member(request, object, key, members[i].member, value);
            if (value[0] == '\0') continue;
            const char *option = members[i].option;
            status = options_set(&c->opts, options_find(option, strlen(option)), key, value, error);
        }
        c->opts.params.vad_filter = true;
    } else if (plain != NULL || type[0] != '\0') {
        status = report_fail(error, AM_E_ARG,
                             "chunking_strategy: expected auto, or an object of type server_vad");
    }
    if (object != NULL) json_decref(object);
    return status;
}

/* Codes of the languages it may be; a single one is the language. */
static am_status read_languages(const http_request *request, call *c, openai_form *form,
                                am_error *error) {
    json_t *given = read_list(request, "languages", error);
    if (given == NULL) return AM_E_ARG;
    am_status status = AM_OK;
    size_t index;
    const json_t *member;
    json_array_foreach(given, index, member) {
        const char *code = am_language_code(json_string_value(member));
        if (code != NULL) {
            (void)json_array_append_new(form->languages, json_string(code));
        } else {
            status = report_fail(error, AM_E_ARG, "languages: no language \"%.40s\"",
                                 json_string_value(member));
        }
    }
    json_decref(given);
    if (status == AM_OK && c->opts.params.language != NULL) json_array_clear(form->languages);
    if (status == AM_OK && json_array_size(form->languages) == 1) {
        const char *only = json_string_value(json_array_get(form->languages, 0));
        c->opts.params.language = am_language_code(only);
    }
    return status;
}

static am_status read_stream(const http_request *request, const call *c, openai_form *form,
                             am_error *error) {
    const char *value = http_field_value(request, "stream");
    if (value == NULL) return AM_OK;
    form->stream = strcmp(value, "true") == 0 || strcmp(value, "True") == 0 ||
                   strcmp(value, "1") == 0;
    const bool no = value[0] == '\0' || strcmp(value, "false") == 0 ||
                    strcmp(value, "False") == 0 || strcmp(value, "0") == 0;
    if (!form->stream && !no) {
        return report_fail(error, AM_E_ARG, "stream: expected true or false, found \"%.40s\"",
                           value);
    }
    if (form->stream && c->format != CALL_JSON && c->format != CALL_TEXT) {
        return report_fail(error, AM_E_ARG, "stream: needs response_format json or text");
    }
    return AM_OK;
}

static am_status check_format(const http_request *request, const call *c, const openai_form *form,
                              am_error *error) {
    const char *format = call_format_name(c->format);
    if (c->format == CALL_DIARIZED_JSON && !form->translate) {
        return report_fail(error, AM_E_UNSUPPORTED,
                           "response_format: this version does not tell speakers apart yet");
    }
    if (c->format != CALL_JSON && c->format != CALL_VERBOSE_JSON && c->format != CALL_TEXT &&
        c->format != CALL_SRT && c->format != CALL_VTT) {
        return report_fail(error, AM_E_ARG,
                           "response_format: expected json, text, srt, verbose_json or vtt, found "
                           "\"%s\"", format);
    }
    const char *const of_speakers[] = {"known_speaker_names", "known_speaker_references"};
    for (size_t i = 0; i < 2; i++) {
        if (!has_field(request, of_speakers[i])) continue;
        return report_fail(error, AM_E_UNSUPPORTED,
                           "%s: this version does not tell speakers apart yet", of_speakers[i]);
    }
    return AM_OK;
}

am_status openai_read(const http_request *request, call *c, openai_form *form, am_error *error) {
    form->languages = json_array();
    if (form->translate) c->opts.params.task = AM_TASK_TRANSLATE;
    REPORT_TRY(check_format(request, c, form, error));
    REPORT_TRY(read_granularities(request, c, form, error));
    REPORT_TRY(read_include(request, c, form, error));
    REPORT_TRY(read_chunking(request, c, error));
    REPORT_TRY(read_languages(request, c, form, error));
    REPORT_TRY(read_stream(request, c, form, error));
    if (form->words) c->opts.params.word_timestamps = true;
    return AM_OK;
}

void openai_form_free(openai_form *form) {
    if (form->languages != NULL) json_decref(form->languages);
    form->languages = NULL;
}
