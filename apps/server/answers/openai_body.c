/* OpenAI's shapes: see openai_body.h. */
#include "server/answers/openai_body.h"

#include <math.h>
#include <string.h>

#define AUDIO_TOKENS_PER_S 50

/* Joined to words by the word times; OpenAI's words have none. */
static const char *const punctuation[] = {
    "\"", "'", ".", ",", "!", "?", ":", ";", "(", ")", "[", "]", "{", "}", "-",
    "“",  "”", "¿", "。", "，", "！", "？", "：", "、", "«", "»", "…", "—", "–", " "};

static json_t *seconds(double s) {
    return json_real(round(s * 1000) / 1000);
}

/* JSON has no infinity; a segment without tokens has no mean. */
static double finite_or_zero(double value) {
    return isfinite(value) ? value : 0;
}

const char *openai_text(const am_result *result) {
    const char *all = am_result_text(result);
    return all + strspn(all, " ");
}

/* Bytes of a punctuation mark at the start, or end, of word[0 … n-1]; 0 when there is none. */
static size_t mark_at(const char *word, size_t n, bool at_end) {
    for (size_t i = 0; i < sizeof punctuation / sizeof punctuation[0]; i++) {
        const size_t n_mark = strlen(punctuation[i]);
        if (n_mark > n) continue;
        if (memcmp(at_end ? word + n - n_mark : word, punctuation[i], n_mark) == 0) return n_mark;
    }
    return 0;
}

/* NULL when the word is nothing but punctuation. */
static json_t *word_json(const am_word *word) {
    const char *first = word->text;
    size_t n = strlen(first);
    for (size_t n_mark; (n_mark = mark_at(first, n, false)) > 0; n -= n_mark) first += n_mark;
    for (size_t n_mark; (n_mark = mark_at(first, n, true)) > 0;) n -= n_mark;
    if (n == 0) return NULL;
    return json_pack("{s:s%, s:o, s:o}", "word", first, n, "start", seconds(word->start), "end",
                     seconds(word->end));
}

static json_t *segment_json(const am_segment *segment) {
    json_t *tokens = json_array();
    for (size_t i = 0; i < segment->n_tokens; i++) {
        (void)json_array_append_new(tokens, json_integer(segment->tokens[i]));
    }
    return json_pack("{s:i, s:i, s:o, s:o, s:s, s:o, s:f, s:f, s:f, s:f}", "id", segment->id,
                     "seek", segment->seek, "start", seconds(segment->start), "end",
                     seconds(segment->end), "text", segment->text, "tokens", tokens, "temperature",
                     segment->temperature, "avg_logprob", finite_or_zero(segment->avg_logprob),
                     "compression_ratio", finite_or_zero(segment->compression_ratio),
                     "no_speech_prob", finite_or_zero(segment->no_speech_prob));
}

json_t *openai_usage_duration(const am_result *result) {
    return json_pack("{s:s, s:o}", "type", "duration", "seconds",
                     seconds(am_result_duration(result)));
}

json_t *openai_usage_tokens(const am_result *result) {
    size_t n = 0;
    json_int_t n_output = 0;
    const am_segment *segments = am_result_segments(result, &n);
    for (size_t i = 0; i < n; i++) n_output += (json_int_t)segments[i].n_tokens;
    const json_int_t n_audio = (json_int_t)ceil(am_result_duration(result) * AUDIO_TOKENS_PER_S);
    return json_pack("{s:s, s:I, s:{s:I}, s:I, s:I}", "type", "tokens", "input_tokens", n_audio,
                     "input_token_details", "audio_tokens", n_audio, "output_tokens", n_output,
                     "total_tokens", n_audio + n_output);
}

json_t *openai_json(const am_result *result) {
    json_t *json = json_pack("{s:s}", "text", openai_text(result));
    if (am_result_task(result) == AM_TASK_TRANSLATE) return json;
    json_t *languages = json_array();
    if (am_result_language(result)[0] != '\0') {
        (void)json_array_append_new(languages,
                                    json_pack("{s:s}", "code", am_result_language(result)));
    }
    (void)json_object_set_new(json, "languages", languages);
    (void)json_object_set_new(json, "usage", openai_usage_duration(result));
    return json;
}

json_t *openai_verbose(const am_result *result, bool words, bool segments) {
    size_t n = 0;
    const am_segment *all = am_result_segments(result, &n);
    const bool translated = am_result_task(result) == AM_TASK_TRANSLATE;
    const char *name = translated ? "english" : am_language_name(am_result_language(result));
    json_t *json = json_pack("{s:s, s:s, s:o, s:s}", "task",
                             translated ? "translate" : "transcribe", "language",
                             name != NULL ? name : "", "duration",
                             seconds(am_result_duration(result)), "text", openai_text(result));
    json_t *word_list = words ? json_array() : NULL;
    json_t *segment_list = segments ? json_array() : NULL;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; words && k < all[i].n_words; k++) {
            json_t *word = word_json(&all[i].words[k]);
            if (word != NULL) (void)json_array_append_new(word_list, word);
        }
        if (segments) (void)json_array_append_new(segment_list, segment_json(&all[i]));
    }
    if (words) (void)json_object_set_new(json, "words", word_list);
    if (segments) (void)json_object_set_new(json, "segments", segment_list);
    (void)json_object_set_new(json, "usage", openai_usage_duration(result));
    return json;
}
