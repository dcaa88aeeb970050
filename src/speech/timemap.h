/*
 * The map between the time of a file and the time of its speech alone, in samples of 16 kHz.
 *
 * A list of pieces in order of time, none overlapping: the file's time without what lies between
 * them is speech time. Both ways are exact, monotone, and never leave the pieces.
 */
#ifndef AM_SPEECH_TIMEMAP_H
#define AM_SPEECH_TIMEMAP_H

#include <stddef.h>
#include <stdint.h>

typedef struct am_piece {
    uint64_t first; /* sample of the file */
    uint64_t at;    /* the same in speech time: samples of the pieces before */
    uint64_t n;     /* samples, > 0 */
} am_piece;

/* Where two pieces meet one speech time is two file times: the end of the one, the start of the
 * other. */
typedef enum am_side { AM_SIDE_START, AM_SIDE_END } am_side;

/* Speech time -> file time; past the last piece it is that piece's end. n > 0 */
uint64_t am__speech_to_file(const am_piece *pieces, size_t n, uint64_t speech, am_side side);

/* File time -> speech time; what lies between two pieces is where they meet. */
uint64_t am__file_to_speech(const am_piece *pieces, size_t n, uint64_t file);

#endif
