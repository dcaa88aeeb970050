/* Tokens of a window to drafts: see draft.h. */
#include "segments/draft.h"

#include "features/mel.h"

#define SECONDS_PER_STEP 0.02
#define FRAMES_PER_STEP 2

static void add_draft(am_drafts *window, size_t first, size_t n, double start, double end) {
    window->drafts[window->n_drafts++] =
        (am_draft){.start = start, .end = end, .first_token = first, .n_tokens = n};
}

/* The last timestamp's position in steps, or -1. */
static int32_t last_timestamp(const am_drafts *window, int32_t begin) {
    for (size_t i = window->n_tokens; i > 0; i--) {
        if (window->tokens[i - 1] >= begin) return window->tokens[i - 1] - begin;
    }
    return -1;
}

size_t am__cut_window(am_drafts *window, const am_special_tokens *specials) {
    const int32_t begin = specials->timestamp_begin;
    const int32_t *tokens = window->tokens;
    const size_t n = window->n_tokens;
    window->n_drafts = 0;
    window->n_words = 0;
    window->single_timestamp_ending = n >= 2 && tokens[n - 2] < begin && tokens[n - 1] >= begin;
    size_t first = 0;
    for (size_t i = 1; i <= n; i++) {
        const bool pair = i < n && tokens[i - 1] >= begin && tokens[i] >= begin;
        const bool tail = i == n && window->single_timestamp_ending && first > 0;
        if (!pair && !tail) continue;
        const double start = window->time_offset + (tokens[first] - begin) * SECONDS_PER_STEP;
        const double end = window->time_offset + (tokens[i - 1] - begin) * SECONDS_PER_STEP;
        add_draft(window, first, i - first, start, end);
        first = i;
    }
    if (window->n_drafts > 0) {
        if (window->single_timestamp_ending) return window->seek + window->n_frames;
        return window->seek + (size_t)(tokens[first - 1] - begin) * FRAMES_PER_STEP;
    }
    /* No pair: one segment, up to its only timestamp if it has one. */
    double duration = (double)window->n_frames / AM_FRAMES_PER_SECOND;
    const int32_t last = last_timestamp(window, begin);
    if (last > 0) duration = last * SECONDS_PER_STEP;
    add_draft(window, 0, n, window->time_offset, window->time_offset + duration);
    return window->seek + window->n_frames;
}
