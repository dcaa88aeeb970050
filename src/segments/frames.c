/* The sliding store of mel frames: see frames.h. */
#include "segments/frames.h"

#include <string.h>

#include "base/mem.h"

#define LOOK_AHEAD_FRAMES 24000 /* 4 minutes: 8 MB of 80 bins */
#define SLACK_FRAMES 6000       /* how far the window moves before frames are moved down */
#define CAPACITY (AM_WINDOW_FRAMES + LOOK_AHEAD_FRAMES + SLACK_FRAMES + AM_MEL_ROWS_MAX)

struct am_frames {
    am_audio *audio;
    am_mel_stream *mel;
    size_t n_mels;
    float *rows;      /* [CAPACITY, n_mels] raw log10 energies */
    size_t first;     /* frame number of rows[0] */
    size_t n_rows;
    float maximum;    /* of all frames so far */
    uint64_t n_samples;
    bool ended;
    float samples[AM_MEL_PUSH_MAX];
};

am_status am__frames_new(am_audio *audio, int n_mels, const am_kernels *kernels,
                         am_frames **frames, am_error *error) {
    am_frames *fresh = NULL;
    AM_TRY(AM_NEW(&fresh, 1, error));
    fresh->audio = audio;
    fresh->n_mels = (size_t)n_mels;
    fresh->maximum = AM_MEL_RAW_SILENCE;
    am_status status = am__mel_stream_new(n_mels, kernels, &fresh->mel, error);
    if (status == AM_OK) status = AM_NEW_RAW(&fresh->rows, CAPACITY * fresh->n_mels, error);
    if (status != AM_OK) {
        am__frames_free(&fresh);
        return status;
    }
    *frames = fresh;
    return AM_OK;
}

void am__frames_free(am_frames **frames) {
    am_frames *old = *frames;
    if (old == NULL) return;
    am__mel_stream_free(&old->mel);
    am__free(old->rows);
    am__free(old);
    *frames = NULL;
}

/* Drops the rows before frame `seek`, lazily: only when they take up the slack. */
static void forget(am_frames *frames, size_t seek) {
    if (seek <= frames->first) return;
    const size_t n_old = seek - frames->first;
    if (n_old < frames->n_rows && frames->n_rows + AM_MEL_ROWS_MAX <= CAPACITY) return;
    const size_t n_dropped = n_old < frames->n_rows ? n_old : frames->n_rows;
    memmove(frames->rows, frames->rows + n_dropped * frames->n_mels,
            (frames->n_rows - n_dropped) * frames->n_mels * sizeof *frames->rows);
    frames->first += n_dropped;
    frames->n_rows -= n_dropped;
}

/* Reads one block of audio and appends its frames. */
static am_status pull(am_frames *frames, am_error *error) {
    size_t n_read = 0;
    size_t n_new = 0;
    float *rows = frames->rows + frames->n_rows * frames->n_mels;
    AM_TRY(am_audio_read(frames->audio, frames->samples, AM_MEL_PUSH_MAX, &n_read, error));
    if (n_read > 0) {
        am__mel_stream_push(frames->mel, frames->samples, n_read, rows, &n_new);
    } else {
        am__mel_stream_finish(frames->mel, rows, &n_new);
        frames->ended = true;
    }
    for (size_t i = 0; i < n_new * frames->n_mels; i++) {
        if (rows[i] > frames->maximum) frames->maximum = rows[i];
    }
    frames->n_samples += n_read;
    frames->n_rows += n_new;
    return AM_OK;
}

am_status am__frames_seek(am_frames *frames, size_t seek, size_t *n_frames, am_error *error) {
    while (!frames->ended &&
           frames->first + frames->n_rows < seek + AM_WINDOW_FRAMES + LOOK_AHEAD_FRAMES) {
        forget(frames, seek);
        AM_TRY(pull(frames, error));
    }
    const size_t total = am__frames_total(frames);
    if (seek >= total) {
        *n_frames = 0;
    } else {
        *n_frames = total - seek < AM_WINDOW_FRAMES ? total - seek : AM_WINDOW_FRAMES;
    }
    return AM_OK;
}

void am__frames_copy(const am_frames *frames, size_t seek, size_t n, float *out) {
    const size_t n_mels = frames->n_mels;
    const size_t end = frames->first + frames->n_rows;
    const size_t n_held = seek >= end ? 0 : (end - seek < n ? end - seek : n);
    const size_t row = n_held > 0 ? seek - frames->first : 0;
    am__mel_window(frames->rows + row * n_mels, n_held * n_mels, frames->maximum, n * n_mels, out);
}

uint64_t am__frames_samples(const am_frames *frames) {
    return frames->n_samples;
}

size_t am__frames_total(const am_frames *frames) {
    return frames->ended ? (size_t)(frames->n_samples / AM_HOP) : SIZE_MAX;
}
