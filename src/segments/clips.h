/* The stretches of a recording to transcribe: "start,end,start,end…" in seconds. */
#ifndef AM_SEGMENTS_CLIPS_H
#define AM_SEGMENTS_CLIPS_H

#include "base/mem.h"

typedef struct am_clip {
    size_t first, end; /* frames; end SIZE_MAX = to the end of the recording */
} am_clip;

typedef struct am_clips {
    am_clip *clips; /* owned */
    size_t n;
} am_clips;

/* NULL and "" mean the whole recording. E_ARG unless the times are numbers that do not fall. */
AM_CHECK_RESULT am_status am__clips_parse(const char *text, am_clips *clips, am_error *error);
void am__clips_free(am_clips *clips);

#endif
