/*
 * Regions of speech -> windows for the model: at most 30 s of speech time each, cut where the
 * speaker pauses longest.
 *
 * A window is as full as it can be, for every window costs the model its margin: regions are
 * gathered until the next one would not fit, and the window ends at the longest silence between
 * two of them that leaves it at least two thirds full. Short gaps are kept as they are, long ones
 * are left out, and the window's pieces map its time to the file's. Every sample of every region
 * is in exactly one window; windows come in order. A pure function of the regions.
 */
#ifndef AM_SPEECH_WINDOWS_H
#define AM_SPEECH_WINDOWS_H

#include <stdbool.h>

#include "speech/regions.h"
#include "speech/timemap.h"

#define AM_WINDOW_SAMPLES (30 * 16000)
#define AM_WINDOW_PIECES 32            /* most pieces of one window */
#define AM_WINDOW_KEPT_GAP 16000       /* a gap up to this is kept */
#define AM_WINDOW_SPAN (120 * 16000)   /* of the file: a window does not wait longer for more */
#define AM_WINDOW_REGIONS 96           /* most regions that wait */

typedef struct am_window {
    am_piece pieces[AM_WINDOW_PIECES];
    size_t n_pieces;
    uint64_t n_samples; /* of all pieces, at most AM_WINDOW_SAMPLES */
    uint64_t n_speech;  /* of them up to the end of the last speech: what follows is padding */
} am_window;

/* The state, zeroed at first; fields are private to windows.c. */
typedef struct am_windows {
    am_region regions[AM_WINDOW_REGIONS];
    size_t n_regions;
    bool flush;
} am_windows;

/* The next region, in order; take all finished windows with am__windows_next before the next. */
void am__windows_push(am_windows *windows, const am_region *region);
/* No region still to come starts before `floor`: a window that has waited for long is let go. */
void am__windows_advance(am_windows *windows, uint64_t floor);
void am__windows_finish(am_windows *windows);
bool am__windows_next(am_windows *windows, am_window *window);

/*
 * What is left of a window from sample `from` of its own time on, as a window of its own: the
 * speech that the model left untranscribed. False, and *tail untouched, when nothing is left.
 */
bool am__window_tail(const am_window *window, uint64_t from, am_window *tail);

#endif
