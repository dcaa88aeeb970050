/*
 * The fast way through recordings: windows of speech that do not depend on each other are decoded
 * side by side, every step of the decoder running the next tokens of all of them. A window that is
 * done leaves at once and the next one takes its slot; what its text left unspoken comes back as a
 * window of its own, so that no word is lost. Segments leave in order of time.
 *
 * A batch has the slots; recordings come and go. A free slot goes to the recording that has a
 * window ready and the fewest in progress (of equals: to the one that was served, or came, longest
 * ago). Some slots may be kept for recordings that have none in progress, so that a short one never
 * waits for the windows of a long one; and no more than some windows are encoded between two steps,
 * for which all others wait.
 *
 * The text of a window depends on its samples and the parameters alone: not on the size of the
 * batch, nor on threads, nor on what else is under way.
 */
#ifndef AM_SEGMENTS_BATCHED_H
#define AM_SEGMENTS_BATCHED_H

#include "segments/recording.h"

typedef struct am_batch am_batch;

typedef struct am_batch_input {
    const am_pipeline *pipeline;   /* the search has n_slots; `cross` and `aligner` are not used */
    am_cross **crosses;            /* [n_slots] NULL where a slot was not used yet: made here, the
                                    * caller's to free */
    size_t n_slots;                /* 1 … AM_MAX_BATCH */
    size_t n_reserved;             /* slots kept for recordings without a window in progress */
    size_t n_begin_max;            /* windows encoded between two steps at most */
} am_batch_input;

/* What `input` points to is borrowed until am__batch_free. */
AM_CHECK_RESULT am_status am__batch_new(const am_batch_input *input, am_batch **batch,
                                        am_error *error);
/* Recordings in it are let go, their searches ended. */
void am__batch_free(am_batch **batch);

/* Makes what else would be made when a slot is first used. */
AM_CHECK_RESULT am_status am__batch_reserve(am_batch *batch, am_error *error);

/* Takes a recording in, borrowed until am__batch_take_ended gives it back. */
void am__batch_add(am_batch *batch, am_recording *recording);

/* Gives windows their slots, and makes one step with all of them. False when no window was there:
 * wait for a feed, or for another recording. */
bool am__batch_turn(am_batch *batch);

/* A recording that ended, no longer in the batch; NULL when there is none. On E_CANCELLED and other
 * failures its result keeps the segments that had their turn. */
am_recording *am__batch_take_ended(am_batch *batch);

bool am__batch_has_ended(const am_batch *batch); /* whether there is one */

size_t am__batch_busy(const am_batch *batch);   /* windows in progress */
uint64_t am__batch_done(const am_batch *batch); /* windows that were done, so far */

/* Runs one recording to its end. */
void am__batch_run(am_batch *batch, am_recording *recording);

#endif
