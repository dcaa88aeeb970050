/*
 * The mel frames of a recording as a sliding store: audio is pulled and turned into frames as far
 * as the window at hand needs, plus a look-ahead; frames behind the window are dropped. A 10-hour
 * file takes the memory of a 5-minute one.
 *
 * The look-ahead exists for the original's clamp: it cuts the log-mel at (maximum of the whole
 * file - 8). Up to the look-ahead the maximum here is the file's; beyond, it is that of all audio
 * up to 4 minutes ahead.
 */
#ifndef AM_SEGMENTS_FRAMES_H
#define AM_SEGMENTS_FRAMES_H

#include "features/mel.h"

#define AM_WINDOW_FRAMES 3000 /* 30 s */

typedef struct am_frames am_frames;

/* `audio` and `kernels` are borrowed. */
AM_CHECK_RESULT am_status am__frames_new(am_audio *audio, int n_mels, const am_kernels *kernels,
                                         am_frames **frames, am_error *error);
void am__frames_free(am_frames **frames);

/* Makes the window at frame `seek` available; what lies before it is forgotten, so seek must not
 * fall. *n_frames: content frames from seek on, at most AM_WINDOW_FRAMES; 0 at the end. */
AM_CHECK_RESULT am_status am__frames_seek(am_frames *frames, size_t seek, size_t *n_frames,
                                          am_error *error);

/*
 * Writes n normalised frames from `seek` on (as given to am__frames_seek) to out [n, n_mels].
 * What lies behind the content is silence, as the original's padding of the audio makes it.
 */
void am__frames_copy(const am_frames *frames, size_t seek, size_t n, float *out);

uint64_t am__frames_samples(const am_frames *frames); /* read so far */
/* Content frames of the whole recording, or SIZE_MAX while its end has not been read. */
size_t am__frames_total(const am_frames *frames);

#endif
