/*
 * One window on its way through the model, in a slot of the search: samples to mel, encoder and
 * cross-attention, the attempts at its text, and what of it comes back as a window of its own.
 * Knows no other windows; batched.c runs many lanes side by side, each for any recording in turn.
 */
#ifndef AM_SEGMENTS_LANE_H
#define AM_SEGMENTS_LANE_H

#include "features/mel.h"
#include "segments/pipeline.h"
#include "speech/windows.h"

/* What all windows of a recording share; borrowed. */
typedef struct am_lane_shared {
    const am_pipeline *pipeline; /* its `cross` is not used */
    const am_params *params;
    am_mel_stream *mel;          /* free between two calls */
} am_lane_shared;

typedef struct am_lane {
    const am_lane_shared *shared; /* of the recording of its window */
    am_cross *cross;    /* borrowed */
    float *rows;        /* [AM_LANE_ROWS, n_mels] raw log-mel of the window; owned */
    float maximum;      /* of the rows of the whole window */
    am_window window;   /* what is left of it */
    size_t n_frames;    /* of the rows: content of it */
    size_t n_ctx;       /* positions that were encoded */
    size_t number;      /* of the window in the recording */
    int n_tails;        /* parts of it that were done before */
    double last_start;  /* of its segments so far, seconds of the recording */
    bool busy;
    am_attempt attempt;
} am_lane;

#define AM_LANE_ROWS (AM_WINDOW_SAMPLES / AM_HOP + AM_MEL_ROWS_MAX)

/* `cross` is the lane's own as long as it lives. Free with am__lane_free, also after failure. */
AM_CHECK_RESULT am_status am__lane_init(am_lane *lane, size_t n_mels, size_t slot, am_cross *cross,
                                        am_error *error);
void am__lane_free(am_lane *lane);

/* Takes a window of a recording with its samples, which may go afterwards, and encodes it. */
void am__lane_load(am_lane *lane, const am_lane_shared *shared, const am_window *window,
                   const float *samples, size_t number);

/* Begins the search for the text of what was loaded, or of the tail. */
AM_CHECK_RESULT am_status am__lane_begin(am_lane *lane, const am_plan *plan, am_error *error);

/*
 * When the slot's search is done: *finished when lane->attempt.decoded is the window's text;
 * otherwise the next attempt has begun. Where a text repeats itself or does not end, and the window
 * was encoded with less than the whole context, that is tried before a higher temperature: too
 * short a context is known to do this.
 */
AM_CHECK_RESULT am_status am__lane_take(am_lane *lane, const am_plan *plan, bool *finished,
                                        am_error *error);

/*
 * What the text left unspoken from frame `from` of the window on becomes the lane's window and is
 * encoded; false when there is nothing left that was speech, or no end to it.
 */
bool am__lane_tail(am_lane *lane, size_t from);

#endif
