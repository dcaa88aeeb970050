/*
 * From a stream of 16 kHz samples to windows of speech: vad, regions and windows in a row.
 *
 *     am__speech_push(speech, team, samples, n);
 *     while (am__speech_next(speech, &window)) …
 *     am__speech_finish(speech);
 *     while (am__speech_next(speech, &window)) …
 *
 * A window names samples of the file; who pushes them keeps those from am__speech_needed on. The
 * windows depend on the samples alone, not on how they were cut into pushes. The memory is the
 * same for any length of file.
 */
#ifndef AM_SPEECH_SPEECH_H
#define AM_SPEECH_SPEECH_H

#include "speech/vad.h"
#include "speech/windows.h"

#define AM_SPEECH_PUSH_MAX (30 * 16000) /* some seconds at a time are fastest */

typedef struct am_speech am_speech;

/* `model` is borrowed; `options` NULL means the defaults. E_ARG names a bad option; a region must
 * fit in a window, so max_speech_duration_s is at most 30. Free with am__speech_free. */
AM_CHECK_RESULT am_status am__speech_new(const am_vad_model *model, const am_vad_options *options,
                                         am_speech **speech, am_error *error);
void am__speech_free(am_speech **speech);

/* n <= AM_SPEECH_PUSH_MAX, all windows of the push before taken. `team` as in am__vad_push. */
void am__speech_push(am_speech *speech, am_team *team, const float *samples, size_t n);
/* The end of the file. */
void am__speech_finish(am_speech *speech);
/* Windows in order; false = push more. */
bool am__speech_next(am_speech *speech, am_window *window);

/* The windows still to come need no sample before this one. It never goes back, and is at most
 * 180 s behind what was pushed (with the default options). */
uint64_t am__speech_needed(const am_speech *speech);
/* Samples of the windows that came out so far: speech, padding and kept gaps. */
uint64_t am__speech_taken(const am_speech *speech);

#endif
