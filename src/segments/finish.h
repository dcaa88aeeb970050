/*
 * From the tokens of a decoded window to segments of the result: cut at the timestamps, words
 * timed, hallucinations dropped, text written. Shared by the ways through a recording.
 */
#ifndef AM_SEGMENTS_FINISH_H
#define AM_SEGMENTS_FINISH_H

#include "segments/draft.h"
#include "segments/pipeline.h"
#include "segments/result.h"

typedef struct am_finisher {
    const am_pipeline *pipeline; /* borrowed */
    const am_plan *plan;         /* borrowed */
    am_drafts window;            /* of the last am__finish_window; owns drafts and words */
    am_tokens text_tokens;
    double *scratch;             /* [n_text_ctx] */
    am_word *words;              /* [n_text_ctx]: the words of one segment for the result */
    am_buf text, word_text;
} am_finisher;

AM_CHECK_RESULT am_status am__finisher_init(am_finisher *finisher, const am_pipeline *pipeline,
                                            const am_plan *plan, am_error *error);
void am__finisher_free(am_finisher *finisher);

/* A window that was decoded. */
typedef struct am_finished {
    size_t seek, n_frames;
    const am_decoded *decoded;
    const am_cross *cross; /* the window's, as long as words are wanted */
    size_t n_ctx;          /* positions of it */
    double last_speech;    /* end of the speech before, seconds */
    size_t total_frames;   /* of the recording, SIZE_MAX = unknown */
} am_finished;

typedef struct am_finish_result {
    size_t seek_next;   /* frame where what the window left unspoken begins */
    double last_speech; /* end of its last word or segment; unchanged without any */
    bool repeat;        /* decode again from seek_next; nothing is kept */
    bool silent;        /* no speech: nothing is kept */
} am_finish_result;

/* Makes the drafts of the window in finisher->window. */
AM_CHECK_RESULT am_status am__finish_window(am_finisher *finisher, const am_finished *finished,
                                            am_finish_result *result, am_error *error);

/*
 * Writes draft number `index` as a segment (id `id`); *is_empty, and no segment, where it has no
 * text or no length. What the segment points to is borrowed until the next call.
 */
AM_CHECK_RESULT am_status am__finish_segment(am_finisher *finisher, const am_finished *finished,
                                             size_t index, int id, am_segment *segment,
                                             bool *is_empty, am_error *error);

#endif
