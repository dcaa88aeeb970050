/* Outlines of recordings, for waveforms. */
#ifndef AM_SERVER_ANSWERS_PEAKS_H
#define AM_SERVER_ANSWERS_PEAKS_H

#include "amanuensis.h"

#define PEAKS_MAX 16384

/*
 * Decodes the recording once. *peaks (heap.h): *n of at most PEAKS_MAX maxima of the absolute
 * value, 255 for 1, of stretches of the same length.
 */
AM_CHECK_RESULT am_status peaks_make(const char *path, const am_audio_options *options,
                                     unsigned char **peaks, size_t *n, double *duration,
                                     am_error *error);
/* `n_out` maxima of those. */
void peaks_fit(const unsigned char *peaks, size_t n, float *out, size_t n_out);

#endif
