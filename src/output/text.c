/* txt: one line per segment, as openai/whisper's WriteTXT. */
#include "output/writer.h"

static am_status write_txt(const am_result *result, const am_write_options *options, am_sink *sink,
                           am_error *error) {
    (void)options;
    size_t n_segments;
    const am_segment *segments = am_result_segments(result, &n_segments);
    for (size_t i = 0; i < n_segments; i++) {
        AM_TRY(am__append_speaker(&sink->text, segments[i].speaker, error));
        AM_TRY(am__append_stripped(&sink->text, segments[i].text, error));
        AM_TRY(am__buf_text(&sink->text, "\n", error));
        AM_TRY(am__sink_end_item(sink, error));
    }
    return AM_OK;
}

const am_writer am__writer_txt = {"txt", write_txt};
