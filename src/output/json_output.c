/*
 * json: the shape and bytes of openai/whisper's WriteJSON (json.dump of its result), with a
 * "speaker" in segments and words that have one, as WhisperX adds it. What JSON has no number for
 * (NaN) becomes null.
 */
#include "base/json_writer.h"
#include "output/writer.h"

static void number_field(am_json_writer *w, const char *name, double value) {
    am__jw_key(w, name);
    am__jw_number(w, value);
}

static void string_field(am_json_writer *w, const char *name, const char *value) {
    am__jw_key(w, name);
    am__jw_string(w, value);
}

static void write_word(am_json_writer *w, const am_word *word) {
    am__jw_object_begin(w);
    string_field(w, "word", word->text);
    number_field(w, "start", word->start);
    number_field(w, "end", word->end);
    number_field(w, "probability", word->probability);
    if (word->speaker != NULL) string_field(w, "speaker", word->speaker);
    am__jw_object_end(w);
}

static void write_segment(am_json_writer *w, const am_segment *segment, bool with_words) {
    am__jw_object_begin(w);
    am__jw_key(w, "id");
    am__jw_integer(w, segment->id);
    am__jw_key(w, "seek");
    am__jw_integer(w, segment->seek);
    number_field(w, "start", segment->start);
    number_field(w, "end", segment->end);
    string_field(w, "text", segment->text);
    am__jw_key(w, "tokens");
    am__jw_array_begin(w);
    for (size_t i = 0; i < segment->n_tokens; i++) am__jw_integer(w, segment->tokens[i]);
    am__jw_array_end(w);
    number_field(w, "temperature", segment->temperature);
    number_field(w, "avg_logprob", segment->avg_logprob);
    number_field(w, "compression_ratio", segment->compression_ratio);
    number_field(w, "no_speech_prob", segment->no_speech_prob);
    if (with_words) {
        am__jw_key(w, "words");
        am__jw_array_begin(w);
        for (size_t i = 0; i < segment->n_words; i++) write_word(w, &segment->words[i]);
        am__jw_array_end(w);
    }
    if (segment->speaker != NULL) string_field(w, "speaker", segment->speaker);
    am__jw_object_end(w);
}

static bool has_words(const am_segment *segments, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (segments[i].n_words > 0) return true;
    }
    return false;
}

static am_status write_json(const am_result *result, const am_write_options *options, am_sink *sink,
                            am_error *error) {
    (void)options;
    size_t n_segments;
    const am_segment *segments = am_result_segments(result, &n_segments);
    const bool with_words = has_words(segments, n_segments);
    am_json_writer w;
    am__jw_init(&w, &sink->text, AM_JSON_PYTHON, error);
    am__jw_object_begin(&w);
    string_field(&w, "text", am_result_text(result));
    am__jw_key(&w, "segments");
    am__jw_array_begin(&w);
    for (size_t i = 0; i < n_segments; i++) {
        write_segment(&w, &segments[i], with_words);
        AM_TRY(am__sink_end_item(sink, error));
    }
    am__jw_array_end(&w);
    string_field(&w, "language", am_result_language(result));
    am__jw_object_end(&w);
    return am__jw_finish(&w);
}

const am_writer am__writer_json = {"json", write_json};
