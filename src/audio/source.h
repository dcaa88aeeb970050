/*
 * The inside of am_audio: a reader with a class pointer in front of its own fields. A source gives
 * 16 kHz mono f32 samples in order, once, on demand; what they were before is its own business.
 */
#ifndef AM_AUDIO_SOURCE_H
#define AM_AUDIO_SOURCE_H

#include "base/status.h"

typedef struct am_audio_class {
    /* As am_audio_read, with capacity > 0: returns as soon as it has at least one sample. Called
     * no more after it failed or reported the end. */
    am_status (*read)(am_audio *audio, float *samples, size_t capacity, size_t *n_read,
                      am_error *error);
    /* Releases everything, the object itself included. */
    void (*close)(am_audio *audio);
} am_audio_class;

struct am_audio {
    const am_audio_class *type;
    double duration_s; /* -1 = unknown */
    bool ended;
};

#endif
