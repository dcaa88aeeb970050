/* The stages in a row: see speech.h. */
#include "speech/speech.h"

#include <assert.h>

#include "base/mem.h"

struct am_speech {
    am_vad *vad;
    am_regions regions;
    am_windows windows;
    float probabilities[AM_SPEECH_PUSH_MAX / AM_VAD_CHUNK + 2];
    size_t n_probabilities, n_used;
    uint64_t n_samples, n_taken;
    bool ended, drained; /* the end was announced; and given to the regions and windows */
};

am_status am__speech_new(const am_vad_model *model, const am_vad_options *options,
                         am_speech **speech, am_error *error) {
    am_status status = AM_OK;
    am_speech *fresh = NULL;
    am_vad_options defaults;
    am_vad_options_init(&defaults);
    if (options == NULL) options = &defaults;
    if (!(options->max_speech_duration_s * 16000 <= AM_WINDOW_SAMPLES)) {
        AM_FAIL(error, AM_E_ARG, "max_speech_duration_s is %g, a window holds %d s",
                options->max_speech_duration_s, AM_WINDOW_SAMPLES / 16000);
    }
    AM_TRY_DONE(AM_NEW(&fresh, 1, error));
    AM_TRY_DONE(am__regions_init(&fresh->regions, options, error));
    AM_TRY_DONE(am__vad_new(model, &fresh->vad, error));
    *speech = fresh;
    fresh = NULL;
done:
    am__speech_free(&fresh);
    return status;
}

void am__speech_free(am_speech **speech) {
    if (*speech == NULL) return;
    am__vad_free(&(*speech)->vad);
    am__free(*speech);
    *speech = NULL;
}

void am__speech_push(am_speech *speech, am_team *team, const float *samples, size_t n) {
    assert(n <= AM_SPEECH_PUSH_MAX && speech->n_used == speech->n_probabilities);
    speech->n_used = 0;
    am__vad_push(speech->vad, team, samples, n, speech->probabilities, &speech->n_probabilities);
    speech->n_samples += n;
}

void am__speech_finish(am_speech *speech) {
    assert(speech->n_used == speech->n_probabilities);
    speech->n_used = 0;
    speech->n_probabilities = am__vad_finish(speech->vad, speech->probabilities) ? 1 : 0;
    speech->ended = true;
}

/* Lets one more chunk, or the end, into the regions; false when there is neither. */
static bool advance(am_speech *speech) {
    if (speech->n_used < speech->n_probabilities) {
        am__regions_push(&speech->regions, speech->probabilities[speech->n_used++]);
        return true;
    }
    if (!speech->ended || speech->drained) return false;
    am__regions_finish(&speech->regions, speech->n_samples);
    speech->drained = true;
    return true;
}

bool am__speech_next(am_speech *speech, am_window *window) {
    am_region region;
    for (;;) {
        if (am__windows_next(&speech->windows, window)) {
            speech->n_taken += window->n_samples;
            return true;
        }
        if (am__regions_next(&speech->regions, &region)) {
            am__windows_push(&speech->windows, &region);
        } else if (advance(speech)) {
            am__windows_advance(&speech->windows, am__regions_floor(&speech->regions));
        } else if (speech->drained && speech->windows.n_regions > 0) {
            am__windows_finish(&speech->windows);
        } else {
            return false;
        }
    }
}

uint64_t am__speech_needed(const am_speech *speech) {
    return speech->windows.n_regions > 0 ? speech->windows.regions[0].start
                                         : am__regions_floor(&speech->regions);
}

uint64_t am__speech_taken(const am_speech *speech) {
    return speech->n_taken;
}
