/* srt: SubRip, as openai/whisper's WriteSRT. */
#include "output/subtitles.h"

typedef struct srt_state {
    am_sink *sink;
    size_t n_cues;
} srt_state;

static am_status write_cue(void *context, const am_cue *cue, am_error *error) {
    srt_state *state = context;
    am_buf *text = &state->sink->text;
    AM_TRY(am__buf_printf(text, error, "%zu\n", ++state->n_cues));
    AM_TRY(am__append_timestamp(text, cue->start_ms, true, ',', error));
    AM_TRY(am__buf_text(text, " --> ", error));
    AM_TRY(am__append_timestamp(text, cue->end_ms, true, ',', error));
    AM_TRY(am__buf_printf(text, error, "\n%s\n\n", cue->text));
    return am__sink_end_item(state->sink, error);
}

static am_status write_srt(const am_result *result, const am_write_options *options, am_sink *sink,
                           am_error *error) {
    srt_state state = {.sink = sink};
    return am__subtitles_each(result, options, write_cue, &state, error);
}

const am_writer am__writer_srt = {"srt", write_srt};
