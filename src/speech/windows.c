/* Gathering and cutting: see windows.h. */
#include "speech/windows.h"

#include <assert.h>
#include <string.h>

#define FULL_ENOUGH (AM_WINDOW_SAMPLES / 3 * 2)

/* Appends a region, or as much of it as fits; false when not all of it did. */
static bool append(am_window *window, const am_region *region) {
    uint64_t room = AM_WINDOW_SAMPLES - window->n_samples;
    am_piece *last = window->n_pieces > 0 ? &window->pieces[window->n_pieces - 1] : NULL;
    const uint64_t length = region->end - region->start;
    const uint64_t gap = last != NULL ? region->start - (last->first + last->n) : 0;
    if (last != NULL && gap <= AM_WINDOW_KEPT_GAP) {
        if (gap + length > room) return false;
        last->n += gap + length;
        window->n_samples += gap + length;
        return true;
    }
    if (window->n_pieces == AM_WINDOW_PIECES || (length > room && last != NULL)) return false;
    if (length < room) room = length;
    window->pieces[window->n_pieces++] = (am_piece){region->start, window->n_samples, room};
    window->n_samples += room;
    return room == length;
}

/* Regions [0, n) as a window; all but the first, if it alone is too long, must fit. */
static void fill(const am_windows *windows, size_t n, am_window *window) {
    *window = (am_window){0};
    for (size_t i = 0; i < n; i++) append(window, &windows->regions[i]);
    const am_piece *piece = &window->pieces[window->n_pieces - 1];
    const uint64_t end = piece->first + piece->n, speech_end = windows->regions[n - 1].speech_end;
    window->n_speech = window->n_samples - (speech_end < end ? end - speech_end : 0);
}

/* How many of the waiting regions make the next window; 0 = wait for more. */
static size_t choose(const am_windows *windows) {
    am_window window = {0};
    size_t best = 0, n_fit = 0;
    uint64_t longest = 0;
    for (; n_fit < windows->n_regions; n_fit++) {
        const am_region *region = &windows->regions[n_fit];
        if (n_fit > 0 && window.n_samples >= FULL_ENOUGH) {
            const uint64_t silence = region->speech_start - region[-1].speech_end;
            if (best == 0 || silence >= longest) {
                best = n_fit;
                longest = silence;
            }
        }
        if (!append(&window, region)) break;
    }
    if (n_fit < windows->n_regions) return best > 0 ? best : n_fit > 0 ? n_fit : 1;
    if (windows->flush) return n_fit;
    return windows->n_regions == AM_WINDOW_REGIONS ? n_fit : 0;
}

void am__windows_push(am_windows *windows, const am_region *region) {
    assert(windows->n_regions < AM_WINDOW_REGIONS);
    windows->regions[windows->n_regions++] = *region;
}

void am__windows_advance(am_windows *windows, uint64_t floor) {
    if (windows->n_regions > 0 && floor > windows->regions[0].start + AM_WINDOW_SPAN) {
        windows->flush = true;
    }
}

void am__windows_finish(am_windows *windows) {
    windows->flush = true;
}

bool am__windows_next(am_windows *windows, am_window *window) {
    const size_t n = choose(windows);
    if (n == 0) {
        windows->flush = false;
        return false;
    }
    fill(windows, n, window);
    const am_piece *last = &window->pieces[window->n_pieces - 1];
    const uint64_t end = last->first + last->n;
    am_region *region = &windows->regions[n - 1];
    size_t n_done = n;
    if (end < region->end) { /* the first alone was too long: its rest stays */
        region->start = end;
        if (region->speech_start < end) region->speech_start = end;
        if (region->speech_end < end) region->speech_end = end;
        n_done--;
    }
    windows->n_regions -= n_done;
    memmove(windows->regions, windows->regions + n_done,
            windows->n_regions * sizeof *windows->regions);
    return true;
}

bool am__window_tail(const am_window *window, uint64_t from, am_window *tail) {
    if (from >= window->n_samples) return false;
    am_window rest = {.n_samples = window->n_samples - from};
    if (window->n_speech > from) rest.n_speech = window->n_speech - from;
    for (size_t i = 0; i < window->n_pieces; i++) {
        am_piece piece = window->pieces[i];
        if (piece.at + piece.n <= from) continue;
        const uint64_t skip = piece.at < from ? from - piece.at : 0;
        rest.pieces[rest.n_pieces++] =
            (am_piece){piece.first + skip, piece.at + skip - from, piece.n - skip};
    }
    *tail = rest;
    return true;
}
