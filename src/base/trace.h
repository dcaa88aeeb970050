/* Time per stage of the pipeline. One session's: not shared between threads. */
#ifndef AM_BASE_TRACE_H
#define AM_BASE_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

/* XX(stage, name): what is timed, in the order of the data path. The first two run in a thread of
 * their own beside the others; AUDIO is then waiting for them. */
#define AM_STAGES(XX)                                                                              \
    XX(DECODING, "audio decoding")                                                                 \
    XX(SPEECH, "speech detection")                                                                 \
    XX(AUDIO, "audio and mel")                                                                     \
    XX(ENCODER, "encoder")                                                                         \
    XX(CROSS, "cross-attention K/V")                                                               \
    XX(LANGUAGE, "language detection")                                                             \
    XX(DECODER, "decoder")                                                                         \
    XX(WORDS, "word times")

typedef enum am_stage {
#define AM_STAGE_ENUM(stage, name) AM_STAGE_##stage,
    AM_STAGES(AM_STAGE_ENUM) AM_N_STAGES
#undef AM_STAGE_ENUM
} am_stage;

/* Whether a stage's time passes beside that of the others. */
static inline bool am__stage_is_beside(am_stage stage) {
    return stage == AM_STAGE_DECODING || stage == AM_STAGE_SPEECH;
}
/* What a stage had to do in its time. */
typedef struct am_work {
    double operations; /* a product and its sum are two */
    double bytes;      /* that had to be read from memory */
    uint64_t steps, rows; /* of the decoder */
} am_work;

typedef struct am_trace {
    double seconds[AM_N_STAGES];
    uint64_t n_calls[AM_N_STAGES];
    am_work work[AM_N_STAGES];
} am_trace;

/* Adds the time since `start` (am__now) to a stage. */
static inline void am__trace_add(am_trace *trace, am_stage stage, double start) {
    trace->seconds[stage] += am__now() - start;
    trace->n_calls[stage]++;
}

static inline void am__work_add(am_work *sum, const am_work *work) {
    sum->operations += work->operations;
    sum->bytes += work->bytes;
    sum->steps += work->steps;
    sum->rows += work->rows;
}

#endif
