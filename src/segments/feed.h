/*
 * The source of a recording's windows. A thread of its own decodes the audio, finds the speech and
 * cuts windows, as far ahead as a few of them fit; who takes them never waits for FFmpeg while
 * there is anything to transcribe. A window that comes out is self-contained: its samples, and the
 * map of its time to the recording's. Memory is the same for any length of recording.
 */
#ifndef AM_SEGMENTS_FEED_H
#define AM_SEGMENTS_FEED_H

#include "speech/speech.h"

typedef struct am_feed am_feed;

typedef struct am_feed_input {
    am_audio *audio;                   /* the feed's alone until am__feed_close */
    const am_vad_model *vad;           /* NULL: nothing is left out, cuts are at quiet places */
    const am_vad_options *vad_options; /* of `vad` */
    const char *clip_timestamps;       /* what to transcribe: see clips.h */
    void (*changed)(void *user);       /* after each parcel and at the end, by the feed's thread:
                                        * for who waits for several feeds; may be NULL */
    void *user;
} am_feed_input;

typedef struct am_parcel {
    am_window window;
    float *samples; /* [window.n_samples]: its pieces, one after another */
} am_parcel;

typedef enum am_feed_state {
    AM_FEED_READY, /* a parcel is there */
    AM_FEED_EMPTY, /* not yet */
    AM_FEED_ENDED, /* none will come any more */
} am_feed_state;

/* Starts the thread; what `input` points to is borrowed until am__feed_close. */
AM_CHECK_RESULT am_status am__feed_open(const am_feed_input *input, am_feed **feed,
                                        am_error *error);
/* Ends and joins the thread, whatever it is doing. */
void am__feed_close(am_feed **feed);

/*
 * The next window in order of time, the same one until am__feed_release, up to which *parcel is
 * borrowed. The thread's failure is returned when the windows before it were taken.
 */
AM_CHECK_RESULT am_status am__feed_next(am_feed *feed, am_feed_state *state,
                                        const am_parcel **parcel, am_error *error);
/* Sleeps until the state is no longer EMPTY, but for some milliseconds at most, so that the caller
 * can look whether to go on. */
void am__feed_wait(am_feed *feed);
void am__feed_release(am_feed *feed);

/* Samples read so far; all of the recording's, or of its clips, once the state is ENDED. */
uint64_t am__feed_samples(am_feed *feed);
/* Seconds the thread spent on reading and decoding, and on finding speech and cutting. */
void am__feed_times(am_feed *feed, double *decoding, double *speech);

#endif
