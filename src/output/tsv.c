/* tsv: start and end in integer milliseconds, text; as openai/whisper's WriteTSV. */
#include <inttypes.h>

#include "output/writer.h"

static am_status write_tsv(const am_result *result, const am_write_options *options, am_sink *sink,
                           am_error *error) {
    (void)options;
    size_t n_segments;
    const am_segment *segments = am_result_segments(result, &n_segments);
    am_buf *text = &sink->text;
    AM_TRY(am__buf_text(text, "start\tend\ttext\n", error));
    for (size_t i = 0; i < n_segments; i++) {
        AM_TRY(am__buf_printf(text, error, "%" PRId64 "\t%" PRId64 "\t",
                              am__milliseconds(segments[i].start),
                              am__milliseconds(segments[i].end)));
        const size_t first = text->n_bytes;
        AM_TRY(am__append_stripped(text, segments[i].text, error));
        for (size_t at = first; at < text->n_bytes; at++) {
            if (text->data[at] == '\t') text->data[at] = ' ';
        }
        AM_TRY(am__buf_text(text, "\n", error));
        AM_TRY(am__sink_end_item(sink, error));
    }
    return AM_OK;
}

const am_writer am__writer_tsv = {"tsv", write_tsv};
