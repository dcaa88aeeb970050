/* Samples that are in memory and in the right form already: copied out, nothing else. */
#include "audio/source.h"

#include <string.h>

#include "base/mem.h"

typedef struct pcm_audio {
    am_audio base; /* first: am_audio * and pcm_audio * are the same address */
    const float *samples;
    size_t n_left;
} pcm_audio;

static am_status pcm_read(am_audio *audio, float *samples, size_t capacity, size_t *n_read,
                          am_error *error) {
    (void)error;
    pcm_audio *pcm = (pcm_audio *)audio;
    const size_t n = pcm->n_left < capacity ? pcm->n_left : capacity;
    if (n > 0) {
        memcpy(samples, pcm->samples, n * sizeof *samples);
        pcm->samples += n;
        pcm->n_left -= n;
    }
    *n_read = n;
    return AM_OK;
}

static void pcm_close(am_audio *audio) {
    am__free(audio);
}

static const am_audio_class pcm_class = {.read = pcm_read, .close = pcm_close};

am_status am_audio_open_pcm(const float *samples, size_t n_samples, am_audio **audio,
                            am_error *error) {
    if (audio == NULL || (samples == NULL && n_samples > 0)) {
        AM_FAIL(error, AM_E_ARG, "am_audio_open_pcm: NULL argument");
    }
    pcm_audio *pcm = NULL;
    AM_TRY(AM_NEW(&pcm, 1, error));
    *pcm = (pcm_audio){
        .base = {.type = &pcm_class, .duration_s = (double)n_samples / AM_SAMPLE_RATE},
        .samples = samples,
        .n_left = n_samples,
    };
    *audio = &pcm->base;
    return AM_OK;
}
