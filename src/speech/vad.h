/*
 * Where somebody speaks: 16 kHz samples in, one probability of speech per 512 samples out.
 *
 * Spectra and convolutions of a chunk depend on that chunk and 64 samples before it alone, so many
 * chunks at once are matrix products shared out to the threads; only the LSTM goes from chunk to
 * chunk. Knows neither thresholds nor regions.
 */
#ifndef AM_SPEECH_VAD_H
#define AM_SPEECH_VAD_H

#include "base/team.h"
#include "speech/vad_model.h"

#define AM_VAD_CHUNK 512  /* samples of one probability */
#define AM_VAD_CONTEXT 64 /* samples before a chunk that it sees too */

typedef struct am_vad am_vad;

/* `model` is borrowed. Free with am__vad_free. */
AM_CHECK_RESULT am_status am__vad_new(const am_vad_model *model, am_vad **vad, am_error *error);
void am__vad_free(am_vad **vad);
void am__vad_reset(am_vad *vad);

/*
 * Feeds n samples, any number, and writes the probabilities of the chunks that became complete:
 * at most n / 512 + 1. They are the same bits however the audio is cut into pushes and whatever
 * the team. Fastest with pushes of some seconds. `team` may be NULL: the caller's thread alone.
 */
void am__vad_push(am_vad *vad, am_team *team, const float *samples, size_t n,
                  float *probabilities, size_t *n_probabilities);

/* The probability of the samples behind the last whole chunk, zeros after them: false when there
 * are none. The stream is then reset. */
bool am__vad_finish(am_vad *vad, float *probability);

#endif
