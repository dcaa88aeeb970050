/*
 * One recording on its way through batched mode: where its windows come from, what they are decoded
 * with, where their segments go, and how it ended. Windows of several recordings are decoded side
 * by side (batched.h); everything that is a recording's own is here, so that none is disturbed by
 * another. One thread at a time.
 */
#ifndef AM_SEGMENTS_RECORDING_H
#define AM_SEGMENTS_RECORDING_H

#include "segments/feed.h"
#include "segments/finish.h"
#include "segments/lane.h"
#include "segments/ledger.h"

typedef struct am_recording_input {
    const am_pipeline *pipeline;   /* copied; the search takes its beams; `cross` is not used;
                                    * `aligner` NULL unless it wants word times */
    const am_params *params;       /* checked */
    const char *language;          /* code; NULL = detect in the first window */
    am_feed *feed;
    double duration_s;             /* of the recording by its container, -1 = unknown */
    const am_callbacks *callbacks; /* may be NULL */
    am_result *result;             /* receives language and segments */
} am_recording_input;

typedef struct am_recording {
    am_recording_input in;
    am_pipeline pipeline;
    am_lane_shared shared;
    am_plan plan;             /* once the language is known */
    bool planned;
    am_finisher finisher;
    am_ledger ledger;
    size_t n_busy;            /* windows in lanes */
    uint64_t served;          /* when a lane was last given to it, or it came, in windows */
    bool feed_ended;
    bool ended;               /* nothing of it is under way any more, for good */
    am_status status;         /* how it ended; first the feed's failure, which is due when the
                               * windows before it are done */
    am_error error;
    struct am_recording *next; /* the batch's */
} am_recording;

/* What `input` points to is borrowed until am__recording_free, which is also for after a failure.
 * The recording must stay where it is. */
AM_CHECK_RESULT am_status am__recording_init(am_recording *recording,
                                             const am_recording_input *input, am_error *error);
void am__recording_free(am_recording *recording);

/* Whether its callback asks to stop. */
bool am__recording_cancelled(const am_recording *recording);

/* Whether a window is there and may begin; also finds out that the feed has ended. */
bool am__recording_ready(am_recording *recording);

/* After that: puts the window into a lane that is free, and begins its search. */
AM_CHECK_RESULT am_status am__recording_begin(am_recording *recording, am_lane *lane,
                                              am_error *error);

/*
 * When the search of a lane that is the recording's is done: the next attempt begins, or the
 * segments leave and the tail begins, or the window is over and the lane no longer busy.
 */
AM_CHECK_RESULT am_status am__recording_take(am_recording *recording, am_lane *lane,
                                             am_error *error);

#endif
