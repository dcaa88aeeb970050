/* Bodies of answers: see body.h. */
#include "server/answers/body.h"

#include <math.h>
#include <string.h>

#include "common/report.h"
#include "server/answers/document.h"
#include "server/answers/openai_body.h"

/* Milliseconds are enough for people, and for whoever compares. */
static json_t *seconds(double s) {
    return json_real(round(s * 1000) / 1000);
}

static json_t *word_json(const am_word *word) {
    const char *spoken = word->text + strspn(word->text, " ");
    return json_pack("{s:s, s:o, s:o, s:f, s:s?}", "word", spoken, "start", seconds(word->start),
                     "end", seconds(word->end), "probability", word->probability, "speaker",
                     word->speaker);
}

json_t *body_segment(const am_segment *segment) {
    const char *spoken = segment->text + strspn(segment->text, " ");
    json_t *words = json_array();
    for (size_t i = 0; i < segment->n_words; i++) {
        json_array_append_new(words, word_json(&segment->words[i]));
    }
    return json_pack("{s:i, s:o, s:o, s:s, s:s?, s:f, s:f, s:f, s:f, s:o}", "id", segment->id,
                     "start", seconds(segment->start), "end", seconds(segment->end), "text",
                     spoken, "speaker", segment->speaker, "avg_logprob", segment->avg_logprob,
                     "no_speech_prob", segment->no_speech_prob, "temperature",
                     segment->temperature, "compression_ratio", segment->compression_ratio,
                     "words", words);
}

json_t *body_json(const am_result *result, const work *w) {
    size_t n = 0;
    const am_segment *segments = am_result_segments(result, &n);
    const double duration = am_result_duration(result);
    const char *all = am_result_text(result);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) json_array_append_new(list, body_segment(&segments[i]));
    return json_pack("{s:s, s:s, s:f, s:o, s:o, s:f, s:s, s:s, s:o}", "text",
                     all + strspn(all, " "), "language", am_result_language(result),
                     "language_probability", am_result_language_probability(result), "duration",
                     seconds(duration), "processing_time", seconds(w->processing_s),
                     "real_time_factor", w->processing_s > 0 ? duration / w->processing_s : 0.0,
                     "model", w->model_id, "device", "cpu", "segments", list);
}

void body_dump(json_t *json, text *out) {
    char *bytes = json != NULL ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    if (bytes != NULL) {
        text_add_string(out, bytes);
        text_add_string(out, "\n");
    } else {
        out->failed = true;
    }
    heap_free(bytes);
    if (json != NULL) json_decref(json);
}

static am_format library_format(call_format format) {
    switch (format) {
    case CALL_SRT: return AM_FORMAT_SRT;
    case CALL_VTT: return AM_FORMAT_VTT;
    case CALL_TSV: return AM_FORMAT_TSV;
    case CALL_CSV: return AM_FORMAT_CSV;
    case CALL_LRC: return AM_FORMAT_LRC;
    default: return AM_FORMAT_TXT;
    }
}

am_status body_write(const am_result *result, const work *w, const call *c, text *out,
                     am_error *error) {
    switch (c->format) {
    case CALL_JSON: body_dump(body_json(result, w), out); break;
    case CALL_VERBOSE_JSON: body_dump(openai_verbose(result, true, true), out); break;
    case CALL_HTML: document_html(result, out); break;
    case CALL_DOCX: return document_docx(result, out, error);
    case CALL_TEXT:
    case CALL_SRT:
    case CALL_VTT:
    case CALL_TSV:
    case CALL_CSV:
    case CALL_LRC:
        return am_result_write(result, library_format(c->format), &c->opts.write, text_write, out,
                               error);
    default:
        return report_fail(error, AM_E_UNSUPPORTED, "response_format: no %s here",
                           call_format_name(c->format));
    }
    return out->failed ? report_fail(error, AM_E_MEMORY, "the answer") : AM_OK;
}
