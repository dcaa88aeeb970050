/* Records of results: see record.h. */
#include "server/answers/record.h"

#include <stdio.h>

#include "common/heap.h"
#include "common/report.h"

#define DUMP (JSON_COMPACT | JSON_REAL_PRECISION(12))

/* ---- Writing ------------------------------------------------------------------------------- */

static json_t *words_json(const am_segment *segment) {
    json_t *list = json_array();
    for (size_t i = 0; i < segment->n_words; i++) {
        const am_word *word = &segment->words[i];
        json_array_append_new(list, json_pack("{s:s, s:f, s:f, s:f, s:s?}", "text", word->text,
                                              "start", word->start, "end", word->end,
                                              "probability", word->probability, "speaker",
                                              word->speaker));
    }
    return list;
}

static json_t *segment_json(const am_segment *segment) {
    json_t *tokens = json_array();
    for (size_t i = 0; i < segment->n_tokens; i++) {
        json_array_append_new(tokens, json_integer(segment->tokens[i]));
    }
    return json_pack("{s:i, s:f, s:f, s:s, s:s?, s:f, s:f, s:f, s:f, s:o, s:o}", "seek",
                     segment->seek, "start", segment->start, "end", segment->end, "text",
                     segment->text, "speaker", segment->speaker, "avg_logprob",
                     segment->avg_logprob, "no_speech_prob", segment->no_speech_prob,
                     "temperature", segment->temperature, "compression_ratio",
                     segment->compression_ratio, "tokens", tokens, "words", words_json(segment));
}

static am_status dump(json_t *object, char **json, am_error *error) {
    char *text = object != NULL ? json_dumps(object, DUMP) : NULL;
    if (object != NULL) json_decref(object);
    if (text == NULL) return report_fail(error, AM_E_MEMORY, "a result");
    *json = text;
    return AM_OK;
}

am_status record_write(const am_result *result, const work *w, char **json, am_error *error) {
    size_t n = 0;
    const am_segment *segments = am_result_segments(result, &n);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) json_array_append_new(list, segment_json(&segments[i]));
    return dump(json_pack("{s:s, s:f, s:f, s:i, s:s, s:f, s:o}", "language",
                          am_result_language(result), "language_probability",
                          am_result_language_probability(result), "duration",
                          am_result_duration(result), "task", (int)am_result_task(result), "model",
                          w->model_id, "processing_time", w->processing_s, "segments", list),
                json, error);
}

/* ---- Reading ------------------------------------------------------------------------------- */

static double number(const json_t *object, const char *name) {
    return json_number_value(json_object_get(object, name));
}

static const char *string(const json_t *object, const char *name) {
    return json_string_value(json_object_get(object, name));
}

static const char *string_or_empty(const json_t *object, const char *name) {
    const char *value = string(object, name);
    return value != NULL ? value : "";
}

/* Sums of all segments' words and tokens, so that each kind is one block. */
static void count(const json_t *segments, size_t *n_words, size_t *n_tokens) {
    size_t i;
    json_t *segment;
    *n_words = *n_tokens = 0;
    json_array_foreach(segments, i, segment) {
        *n_words += json_array_size(json_object_get(segment, "words"));
        *n_tokens += json_array_size(json_object_get(segment, "tokens"));
    }
}

static void read_segment(const json_t *from, am_segment *segment, am_word *words,
                         int32_t *tokens) {
    const json_t *word_list = json_object_get(from, "words");
    const json_t *token_list = json_object_get(from, "tokens");
    *segment = (am_segment){
        .seek = (int)json_integer_value(json_object_get(from, "seek")),
        .start = number(from, "start"),
        .end = number(from, "end"),
        .text = string_or_empty(from, "text"),
        .speaker = string(from, "speaker"),
        .avg_logprob = number(from, "avg_logprob"),
        .no_speech_prob = number(from, "no_speech_prob"),
        .temperature = number(from, "temperature"),
        .compression_ratio = number(from, "compression_ratio"),
        .words = words,
        .n_words = json_array_size(word_list),
        .tokens = tokens,
        .n_tokens = json_array_size(token_list),
    };
    for (size_t i = 0; i < segment->n_words; i++) {
        const json_t *word = json_array_get(word_list, i);
        words[i] = (am_word){number(word, "start"), number(word, "end"),
                             number(word, "probability"), string_or_empty(word, "text"),
                             string(word, "speaker")};
    }
    for (size_t i = 0; i < segment->n_tokens; i++) {
        tokens[i] = (int32_t)json_integer_value(json_array_get(token_list, i));
    }
}

static am_status build(const json_t *record, am_result **result, am_error *error) {
    const json_t *list = json_object_get(record, "segments");
    const size_t n = json_array_size(list);
    size_t n_words = 0;
    size_t n_tokens = 0;
    count(list, &n_words, &n_tokens);
    am_segment *segments = heap_new((n + 1) * sizeof *segments);
    am_word *words = heap_new((n_words + 1) * sizeof *words);
    int32_t *tokens = heap_new((n_tokens + 1) * sizeof *tokens);
    am_status status = AM_OK;
    if (segments != NULL && words != NULL && tokens != NULL) {
        size_t at_word = 0;
        size_t at_token = 0;
        for (size_t i = 0; i < n; i++) {
            read_segment(json_array_get(list, i), &segments[i], words + at_word,
                         tokens + at_token);
            at_word += segments[i].n_words;
            at_token += segments[i].n_tokens;
        }
        const am_result_info info = {
            .language = string_or_empty(record, "language"),
            .language_probability = number(record, "language_probability"),
            .duration = number(record, "duration"),
            .task = (am_task)json_integer_value(json_object_get(record, "task")),
        };
        status = am_result_from_segments(segments, n, &info, result, error);
    } else {
        status = report_fail(error, AM_E_MEMORY, "a result");
    }
    heap_free(segments);
    heap_free(words);
    heap_free(tokens);
    return status;
}

static am_status load(const char *json, json_t **record, am_error *error) {
    *record = json_loads(json, 0, NULL);
    if (json_is_object(*record)) return AM_OK;
    if (*record != NULL) json_decref(*record);
    return report_fail(error, AM_E_IO, "the kept result is damaged");
}

am_status record_read(const char *json, am_result **result, work *w, am_error *error) {
    json_t *record = NULL;
    REPORT_TRY(load(json, &record, error));
    const am_status status = build(record, result, error);
    snprintf(w->model_id, sizeof w->model_id, "%s", string_or_empty(record, "model"));
    w->processing_s = number(record, "processing_time");
    json_decref(record);
    return status;
}
