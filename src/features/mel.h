/*
 * Whisper's log-mel spectrogram as a stream: 16 kHz samples in, rows of log10 mel energies out.
 *
 * A frame depends on 400 samples around it and nothing else, so frames are computed once as the
 * audio arrives. What depends on more, the clamp at (maximum - 8) and the scaling (x + 4) / 4, is
 * applied per window by am__mel_normalize. Frames are rows (time-major): three consecutive rows
 * are one row of the first convolution's input matrix, without a copy.
 *
 * Reference: openai/whisper audio.py, log_mel_spectrogram (n_fft 400, hop 160, periodic Hann,
 * reflect padding, Slaney mel filters, the last STFT frame dropped).
 */
#ifndef AM_FEATURES_MEL_H
#define AM_FEATURES_MEL_H

#include "base/status.h"
#include "kernels/kernels.h"

#define AM_HOP 160
#define AM_FRAMES_PER_SECOND 100

typedef struct am_mel_stream am_mel_stream;

/* n_mels 80 or 128, else E_ARG. `kernels` is borrowed. */
AM_CHECK_RESULT am_status am__mel_stream_new(int n_mels, const am_kernels *kernels,
                                             am_mel_stream **stream, am_error *error);
void am__mel_stream_free(am_mel_stream **stream);
void am__mel_stream_reset(am_mel_stream *stream);

/*
 * Feeds n samples, n <= AM_MEL_PUSH_MAX. Writes the rows that became complete to
 * rows [*n_rows, n_mels], at most AM_MEL_ROWS_MAX: raw log10(max(energy, 1e-10)). Row t covers
 * samples [160 t - 200, 160 t + 200), the start reflected. The rows are the same bits however the
 * audio is cut into pushes.
 */
#define AM_MEL_PUSH_MAX 16000
#define AM_MEL_ROWS_MAX 104
void am__mel_stream_push(am_mel_stream *stream, const float *samples, size_t n, float *rows,
                         size_t *n_rows);

/* After the last push: the rows that still lack samples, three at most, computed with zeros behind
 * the end (as the original's 30 s of padding does), until every row that touches a sample came
 * out: ceil((n_samples + 200) / 160) in all, none without samples. The first
 * floor(n_samples / 160) rows of the stream are the content; the few behind them matter only
 * where the original looks past the end (language detection of a short clip). The stream is then
 * reset. */
void am__mel_stream_finish(am_mel_stream *stream, float *rows, size_t *n_rows);

/* (max(x, maximum - 8) + 4) / 4 for n values; in place allowed. */
void am__mel_normalize(const float *raw, size_t n, float maximum, float *out);

#define AM_MEL_RAW_SILENCE (-10.0f) /* log10(1e-10): a raw row of zeros */
/* n_raw values normalised, then silence up to n: a window's input. */
void am__mel_window(const float *raw, size_t n_raw, float maximum, size_t n, float *out);

#endif
