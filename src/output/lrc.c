/* lrc: song lyrics, one line per segment with the time it starts, in hundredths. */
#include <inttypes.h>

#include "output/writer.h"

static am_status write_lrc(const am_result *result, const am_write_options *options, am_sink *sink,
                           am_error *error) {
    (void)options;
    size_t n_segments;
    const am_segment *segments = am_result_segments(result, &n_segments);
    am_buf *text = &sink->text;
    AM_TRY(am__buf_text(text, "[by:amanuensis]\n", error));
    for (size_t i = 0; i < n_segments; i++) {
        const int64_t start_ms = am__milliseconds(segments[i].start);
        AM_TRY(am__buf_printf(text, error, "[%02" PRId64 ":%02" PRId64 ".%02" PRId64 "]",
                              start_ms / 60000, start_ms / 1000 % 60, start_ms / 10 % 100));
        AM_TRY(am__append_speaker(text, segments[i].speaker, error));
        const size_t first = text->n_bytes;
        AM_TRY(am__append_stripped(text, segments[i].text, error));
        for (size_t at = first; at < text->n_bytes; at++) {
            if (text->data[at] == '\n') text->data[at] = ' ';
        }
        AM_TRY(am__buf_text(text, "\n", error));
        AM_TRY(am__sink_end_item(sink, error));
    }
    return AM_OK;
}

const am_writer am__writer_lrc = {"lrc", write_lrc};
