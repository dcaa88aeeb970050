/*
 * Power spectra of windowed frames of 400 samples, for the log-mel front end.
 *
 * Frame f starts at samples[f * hop] and is multiplied by window [400]; power[f * stride + b] is
 * |DFT|^2 at bin b = 0 … 200. (n_frames - 1) * hop + 400 samples are read. Implementations
 * transform several frames side by side, so n_frames should be large; a frame's result is the same
 * bits whatever frames are beside it.
 */
#ifndef AM_KERNELS_FFT_F32_H
#define AM_KERNELS_FFT_F32_H

#include <stddef.h>

#define AM_FFT_SIZE 400
#define AM_FFT_BINS 201

typedef void am_fft_power_fn(const float *samples, size_t hop, size_t n_frames,
                             const float *window, float *power, size_t stride);

#endif
