/*
 * The fast way through a recording: windows of speech that do not depend on each other are decoded
 * side by side, every step of the decoder running the next tokens of all of them. A window that is
 * done leaves at once and the next one takes its slot; what its text left unspoken comes back as a
 * window of its own, so that no word is lost. Segments leave in order of time.
 *
 * The text of a window depends on its samples and the parameters alone: not on the size of the
 * batch, nor on threads, nor on what else is under way.
 */
#ifndef AM_SEGMENTS_BATCHED_H
#define AM_SEGMENTS_BATCHED_H

#include "segments/feed.h"
#include "segments/pipeline.h"

typedef struct am_batch_input {
    const am_pipeline *pipeline;   /* the search has n_slots; `cross` is not used */
    am_cross **crosses;            /* [n_slots] NULL where a slot was not used yet: made here, the
                                    * caller's to free */
    size_t n_slots;                /* 1 … AM_MAX_BATCH */
    const am_params *params;
    const char *language;          /* code; NULL = detect in the first window */
    am_feed *feed;
    double duration_s;             /* of the recording by its container, -1 = unknown */
    const am_callbacks *callbacks; /* may be NULL */
    am_result *result;             /* receives language and segments */
} am_batch_input;

/* Transcribes all windows of the feed. On E_CANCELLED and other failures the result keeps the
 * segments that had their turn. */
AM_CHECK_RESULT am_status am__transcribe_batched(const am_batch_input *input, am_error *error);

#endif
