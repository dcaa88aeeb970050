/*
 * The log-mel stream: see mel.h.
 *
 * DESIGN. The buffer always begins where the next row's 400 samples begin, so the rows that are
 * complete are one call of the FFT kernel with a distance of 160. The first row begins 200 samples
 * before the audio: the place for the reflected start is left free and filled once the first 201
 * samples are there. What a row comes to depends on its own samples only, so any way of cutting
 * the audio into pushes gives the same bits.
 */
#include "features/mel.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "features/mel_filters.h"

#define HALF (AM_FFT_SIZE / 2)
#define BUFFER_MAX (AM_FFT_SIZE + AM_MEL_PUSH_MAX + AM_FFT_SIZE)
#define POWER_STRIDE 208 /* 201 bins, rounded up to whole cache lines */
#define ENERGY_MIN 1e-10f

struct am_mel_stream {
    const am_kernels *kernels;
    const am_mel_bank *bank;
    bool reflected;  /* the first HALF places of the buffer hold the reflected start */
    size_t n_buffer; /* samples in the buffer, the places of the start included */
    float window[AM_FFT_SIZE];
    float buffer[BUFFER_MAX];
    float power[AM_MEL_ROWS_MAX * POWER_STRIDE];
};

am_status am__mel_stream_new(int n_mels, const am_kernels *kernels, am_mel_stream **stream,
                             am_error *error) {
    const am_mel_bank *bank = n_mels == 80    ? &am__mel_bank_80
                              : n_mels == 128 ? &am__mel_bank_128
                                              : NULL;
    if (bank == NULL) AM_FAIL(error, AM_E_ARG, "%d mel bands: must be 80 or 128", n_mels);
    am_mel_stream *s = NULL;
    AM_TRY(AM_NEW(&s, 1, error));
    s->kernels = kernels;
    s->bank = bank;
    for (int i = 0; i < AM_FFT_SIZE; i++) {
        s->window[i] = (float)(0.5 - 0.5 * cos(2.0 * 3.14159265358979323846 * i / AM_FFT_SIZE));
    }
    am__mel_stream_reset(s);
    *stream = s;
    return AM_OK;
}

void am__mel_stream_free(am_mel_stream **stream) {
    if (stream == NULL) return;
    am__free(*stream);
    *stream = NULL;
}

void am__mel_stream_reset(am_mel_stream *stream) {
    stream->reflected = false;
    stream->n_buffer = HALF;
}

static void reflect_start(am_mel_stream *s) {
    for (int i = 1; i <= HALF; i++) s->buffer[HALF - i] = s->buffer[HALF + i];
    s->reflected = true;
}

/* Rows [n_rows, n_mels] of the filter bank's log energies from power [n_rows, POWER_STRIDE]. */
static void apply_bank(const am_mel_stream *s, size_t n_rows, float *rows) {
    const am_mel_bank *bank = s->bank;
    for (size_t t = 0; t < n_rows; t++) {
        const float *weight = bank->weights;
        for (int m = 0; m < bank->n_mels; m++) {
            const am_mel_band band = bank->bands[m];
            const float *power = s->power + t * POWER_STRIDE + band.first_bin;
            float energy = 0.0f;
            for (int i = 0; i < band.n_bins; i++) energy += weight[i] * power[i];
            weight += band.n_bins;
            *rows++ = energy;
        }
    }
}

/* Computes the n_rows rows at the front of the buffer and drops the samples behind which no
 * further row begins. */
static void take_rows(am_mel_stream *s, size_t n_rows, float *rows) {
    assert(n_rows <= AM_MEL_ROWS_MAX);
    s->kernels->fft_power(s->buffer, AM_HOP, n_rows, s->window, s->power, POWER_STRIDE);
    apply_bank(s, n_rows, rows);
    s->kernels->log10_f32(rows, rows, n_rows * (size_t)s->bank->n_mels, ENERGY_MIN);
    const size_t n_done = n_rows * AM_HOP;
    s->n_buffer -= n_done;
    memmove(s->buffer, s->buffer + n_done, s->n_buffer * sizeof *s->buffer);
}

void am__mel_stream_push(am_mel_stream *stream, const float *samples, size_t n, float *rows,
                         size_t *n_rows) {
    assert(n <= AM_MEL_PUSH_MAX);
    *n_rows = 0;
    if (n == 0) return;
    memcpy(stream->buffer + stream->n_buffer, samples, n * sizeof *samples);
    stream->n_buffer += n;
    if (stream->n_buffer <= AM_FFT_SIZE && !stream->reflected) return;
    if (!stream->reflected) reflect_start(stream);
    if (stream->n_buffer < AM_FFT_SIZE) return;
    *n_rows = (stream->n_buffer - AM_FFT_SIZE) / AM_HOP + 1;
    take_rows(stream, *n_rows, rows);
}

void am__mel_stream_finish(am_mel_stream *stream, float *rows, size_t *n_rows) {
    *n_rows = 0;
    const bool empty = !stream->reflected && stream->n_buffer == HALF;
    if (!empty) {
        /* n_buffer <= 400 here, so three rows at most begin before the audio ends. */
        const size_t n_last = (stream->n_buffer + AM_HOP - 1) / AM_HOP;
        const size_t n_needed = (n_last - 1) * AM_HOP + AM_FFT_SIZE;
        memset(stream->buffer + stream->n_buffer, 0,
               (n_needed - stream->n_buffer) * sizeof *stream->buffer);
        stream->n_buffer = n_needed;
        if (!stream->reflected) reflect_start(stream);
        take_rows(stream, n_last, rows);
        *n_rows = n_last;
    }
    am__mel_stream_reset(stream);
}

void am__mel_normalize(const float *raw, size_t n, float maximum, float *out) {
    const float least = maximum - 8.0f;
    for (size_t i = 0; i < n; i++) {
        const float x = raw[i] > least ? raw[i] : least;
        out[i] = (x + 4.0f) / 4.0f;
    }
}

void am__mel_window(const float *raw, size_t n_raw, float maximum, size_t n, float *out) {
    float silence = AM_MEL_RAW_SILENCE;
    am__mel_normalize(&silence, 1, maximum, &silence);
    am__mel_normalize(raw, n_raw, maximum, out);
    for (size_t i = n_raw; i < n; i++) out[i] = silence;
}
