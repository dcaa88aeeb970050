/*
 * csv: start and end in milliseconds, text quoted and with its leading space, as whisper.cpp
 * writes it; a speaker column before the text when speakers are known.
 */
#include <inttypes.h>

#include "output/writer.h"

/* RFC 4180: a quote inside quotes is doubled. */
static am_status append_quoted(am_buf *text, const char *field, am_error *error) {
    AM_TRY(am__buf_text(text, "\"", error));
    for (const char *at = field; *at != '\0'; at++) {
        if (*at == '"') AM_TRY(am__buf_text(text, "\"", error));
        AM_TRY(am__buf_append(text, at, 1, error));
    }
    return am__buf_text(text, "\"", error);
}

static bool has_speakers(const am_segment *segments, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (segments[i].speaker != NULL) return true;
    }
    return false;
}

static am_status write_csv(const am_result *result, const am_write_options *options, am_sink *sink,
                           am_error *error) {
    (void)options;
    size_t n_segments;
    const am_segment *segments = am_result_segments(result, &n_segments);
    const bool speakers = has_speakers(segments, n_segments);
    am_buf *text = &sink->text;
    AM_TRY(am__buf_text(text, speakers ? "start,end,speaker,text\n" : "start,end,text\n", error));
    for (size_t i = 0; i < n_segments; i++) {
        const am_segment *segment = &segments[i];
        AM_TRY(am__buf_printf(text, error, "%" PRId64 ",%" PRId64 ",",
                              am__milliseconds(segment->start), am__milliseconds(segment->end)));
        if (speakers) {
            AM_TRY(append_quoted(text, segment->speaker != NULL ? segment->speaker : "", error));
            AM_TRY(am__buf_text(text, ",", error));
        }
        AM_TRY(append_quoted(text, segment->text, error));
        AM_TRY(am__buf_text(text, "\n", error));
        AM_TRY(am__sink_end_item(sink, error));
    }
    return AM_OK;
}

const am_writer am__writer_csv = {"csv", write_csv};
