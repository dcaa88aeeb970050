/* vtt: WebVTT, as openai/whisper's WriteVTT. */
#include "output/subtitles.h"

static am_status write_cue(void *context, const am_cue *cue, am_error *error) {
    am_sink *sink = context;
    AM_TRY(am__append_timestamp(&sink->text, cue->start_ms, false, '.', error));
    AM_TRY(am__buf_text(&sink->text, " --> ", error));
    AM_TRY(am__append_timestamp(&sink->text, cue->end_ms, false, '.', error));
    AM_TRY(am__buf_printf(&sink->text, error, "\n%s\n\n", cue->text));
    return am__sink_end_item(sink, error);
}

static am_status write_vtt(const am_result *result, const am_write_options *options, am_sink *sink,
                           am_error *error) {
    AM_TRY(am__buf_text(&sink->text, "WEBVTT\n\n", error));
    return am__subtitles_each(result, options, write_cue, sink, error);
}

const am_writer am__writer_vtt = {"vtt", write_vtt};
