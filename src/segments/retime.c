/* Times through the map: see retime.h. */
#include "segments/retime.h"

#include <math.h>

static uint64_t to_sample(double seconds) {
    return seconds > 0 ? (uint64_t)llrint(seconds * AM_SAMPLE_RATE) : 0;
}

/* To milliseconds: samples are finer than any time the model gives. */
static double to_seconds(uint64_t sample) {
    return rint((double)sample * 1000 / AM_SAMPLE_RATE) / 1000;
}

static const am_piece *piece_at(const am_window *window, uint64_t sample) {
    size_t i = 0;
    while (i + 1 < window->n_pieces && window->pieces[i + 1].at <= sample) i++;
    return &window->pieces[i];
}

static double within(const am_piece *piece, uint64_t sample) {
    const uint64_t inside = sample > piece->at ? sample - piece->at : 0;
    return to_seconds(piece->first + (inside < piece->n ? inside : piece->n));
}

static double map_time(const am_window *window, double seconds, am_side side) {
    return to_seconds(
        am__speech_to_file(window->pieces, window->n_pieces, to_sample(seconds), side));
}

void am__retime_segment(const am_window *window, double least, am_segment *segment,
                        am_word *words) {
    for (size_t i = 0; i < segment->n_words; i++) {
        const uint64_t start = to_sample(words[i].start), end = to_sample(words[i].end);
        const am_piece *piece = piece_at(window, (start + end) / 2);
        words[i].start = fmax(within(piece, start), least);
        words[i].end = fmax(within(piece, end), words[i].start);
    }
    segment->seek = (int)(window->pieces[0].first * 100 / AM_SAMPLE_RATE);
    if (segment->n_words > 0) {
        segment->start = words[0].start;
        segment->end = words[segment->n_words - 1].end;
        return;
    }
    segment->start = fmax(map_time(window, segment->start, AM_SIDE_START), least);
    segment->end = fmax(map_time(window, segment->end, AM_SIDE_END), segment->start);
}
