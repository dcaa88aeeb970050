/*
 * A result as subtitles: cues with a time and a text, broken into lines by words when the result
 * has word times. Reference: openai/whisper utils.py, SubtitlesWriter.iterate_result.
 */
#ifndef AM_OUTPUT_SUBTITLES_H
#define AM_OUTPUT_SUBTITLES_H

#include "output/writer.h"

typedef struct am_cue {
    int64_t start_ms, end_ms;
    const char *text; /* without "-->", which would end the cue's timing line; for the call */
} am_cue;

typedef am_status am_cue_fn(void *context, const am_cue *cue, am_error *error);

/* Calls fn for each cue in order; its first failure ends the walk and is returned. */
AM_CHECK_RESULT am_status am__subtitles_each(const am_result *result,
                                             const am_write_options *options, am_cue_fn *fn,
                                             void *context, am_error *error);

/* "01:02:03.456" with the given decimal mark; without hours when they are 0 and not asked for. */
AM_CHECK_RESULT am_status am__append_timestamp(am_buf *text, int64_t ms, bool always_hours,
                                               char decimal_mark, am_error *error);

#endif
