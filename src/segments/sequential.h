/*
 * The original's way through a long recording: each window begins where the timestamps of the one
 * before say its speech ended, and its text is the prompt of the next. Reference: openai/whisper
 * transcribe.py.
 */
#ifndef AM_SEGMENTS_SEQUENTIAL_H
#define AM_SEGMENTS_SEQUENTIAL_H

#include "segments/frames.h"
#include "segments/pipeline.h"
#include "segments/result.h"

typedef struct am_transcription {
    const am_pipeline *pipeline;
    const am_plan *plan;
    am_frames *frames;
    double duration_s;              /* of the recording by its container, -1 = unknown */
    const am_callbacks *callbacks;  /* may be NULL */
    am_result *result;              /* receives the segments */
} am_transcription;

/* Transcribes from the start of `frames` to the end. On E_CANCELLED and other failures the result
 * keeps the segments of the windows that were done. */
AM_CHECK_RESULT am_status am__transcribe_sequential(const am_transcription *transcription,
                                                    am_error *error);

#endif
