/*
 * What a transcription works with: weights and workspaces, made by the engine and its session and
 * borrowed here. One thread.
 */
#ifndef AM_SEGMENTS_PIPELINE_H
#define AM_SEGMENTS_PIPELINE_H

#include "base/trace.h"
#include "decoder/fallback.h"
#include "encoder/encoder.h"
#include "segments/align.h"

typedef struct am_pipeline {
    const am_exec *exec;
    const am_dims *dims;
    const am_tokenizer *tokenizer;
    const am_encoder *encoder;
    const am_decoder *decoder;
    am_encoder_space *encoder_space;
    am_cross *cross;
    am_search *search;
    am_aligner *aligner; /* NULL unless word times are asked for */
    am_trace *trace;
} am_pipeline;

/* Encodes the frames that lie in the encoder's input and prepares the decoder's cross-attention. */
static inline void am__pipeline_encode(const am_pipeline *pipeline, size_t n_ctx) {
    const double start = am__now();
    const float *states =
        am__encoder_run(pipeline->encoder, pipeline->exec, pipeline->encoder_space, n_ctx);
    am__trace_add(pipeline->trace, AM_STAGE_ENCODER, start);
    pipeline->trace->work[AM_STAGE_ENCODER].operations +=
        am__encoder_operations(pipeline->dims, n_ctx);
    const double middle = am__now();
    am__cross_run(pipeline->decoder, pipeline->exec, states, n_ctx, pipeline->cross);
    am__trace_add(pipeline->trace, AM_STAGE_CROSS, middle);
}

#endif
