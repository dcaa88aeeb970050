/* Binary search over pieces: see timemap.h. */
#include "speech/timemap.h"

uint64_t am__speech_to_file(const am_piece *pieces, size_t n, uint64_t speech, am_side side) {
    size_t low = 0, high = n - 1; /* the last piece that starts before `speech`, or at it */
    while (low < high) {
        const size_t middle = low + (high - low + 1) / 2;
        const uint64_t at = pieces[middle].at;
        if (side == AM_SIDE_START ? at <= speech : at < speech) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    const uint64_t inside = speech - pieces[low].at;
    return pieces[low].first + (inside < pieces[low].n ? inside : pieces[low].n);
}

uint64_t am__file_to_speech(const am_piece *pieces, size_t n, uint64_t file) {
    size_t low = 0, high = n; /* the pieces before `low` start at `file` or before it */
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (pieces[middle].first <= file) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) return 0;
    const am_piece *piece = &pieces[low - 1];
    const uint64_t inside = file - piece->first;
    return piece->at + (inside < piece->n ? inside : piece->n);
}
