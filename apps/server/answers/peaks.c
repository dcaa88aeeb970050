/* Outlines of recordings: see peaks.h. */
#include "server/answers/peaks.h"

#include <math.h>
#include <string.h>

#include "common/heap.h"
#include "common/report.h"

#define N_SAMPLES 4096

/* Stretches double in length when there are too many, so that any recording fits. */
typedef struct outline {
    unsigned char *peaks;
    size_t n, stretch, filled; /* samples of a stretch, and of the last one so far */
    float highest;
    uint64_t n_samples;
} outline;

static unsigned char to_byte(float peak) {
    const float scaled = peak * 255.0f + 0.5f;
    return scaled < 255.0f ? (unsigned char)scaled : 255;
}

static void end_stretch(outline *o) {
    o->peaks[o->n++] = to_byte(o->highest);
    o->highest = 0;
    o->filled = 0;
    if (o->n < PEAKS_MAX) return;
    for (size_t i = 0; i < PEAKS_MAX / 2; i++) {
        const unsigned char a = o->peaks[2 * i];
        const unsigned char b = o->peaks[2 * i + 1];
        o->peaks[i] = a > b ? a : b;
    }
    o->n = PEAKS_MAX / 2;
    o->stretch *= 2;
}

static void add(outline *o, const float *samples, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const float height = fabsf(samples[i]);
        if (height > o->highest) o->highest = height;
        if (++o->filled == o->stretch) end_stretch(o);
    }
    o->n_samples += n;
}

static am_status read_all(am_audio *audio, outline *o, am_error *error) {
    float samples[N_SAMPLES];
    for (size_t n = 1; n > 0;) {
        REPORT_TRY(am_audio_read(audio, samples, N_SAMPLES, &n, error));
        add(o, samples, n);
    }
    if (o->filled > 0) end_stretch(o);
    return AM_OK;
}

am_status peaks_make(const char *path, const am_audio_options *options, unsigned char **peaks,
                     size_t *n, double *duration, am_error *error) {
    am_audio *audio = NULL;
    outline o = {.peaks = heap_new(PEAKS_MAX), .stretch = 1};
    if (o.peaks == NULL) return report_fail(error, AM_E_MEMORY, "an outline");
    am_status status = am_audio_open_file(path, options, &audio, error);
    if (status == AM_OK) status = read_all(audio, &o, error);
    am_audio_close(&audio);
    if (status != AM_OK) {
        heap_free(o.peaks);
        return status;
    }
    *peaks = o.peaks;
    *n = o.n;
    *duration = (double)o.n_samples / AM_SAMPLE_RATE;
    return AM_OK;
}

void peaks_fit(const unsigned char *peaks, size_t n, float *out, size_t n_out) {
    for (size_t i = 0; i < n_out; i++) {
        const size_t first = i * n / n_out;
        const size_t after = (i + 1) * n / n_out;
        unsigned char highest = n > 0 ? peaks[first] : 0;
        for (size_t at = first; at < after; at++) {
            if (peaks[at] > highest) highest = peaks[at];
        }
        out[i] = (float)highest / 255.0f;
    }
}
