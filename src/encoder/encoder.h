/*
 * Whisper's audio encoder: normalised log-mel frames in, hidden states out.
 *
 * Two convolutions (the second halves the frame rate), sinusoidal positions, then pre-norm
 * transformer layers without a mask. Reference: openai/whisper model.py, AudioEncoder.
 */
#ifndef AM_ENCODER_ENCODER_H
#define AM_ENCODER_ENCODER_H

#include "nn/attention.h"
#include "nn/dense.h"
#include "nn/norm.h"

/* Weights: immutable after creation, shared by threads. */
typedef struct am_encoder am_encoder;

/* Borrows from the model where am__model_in_place says so. */
AM_CHECK_RESULT am_status am__encoder_new(const am_model *model, am_compute_type type,
                                          const am_kernels *kernels, am_encoder **encoder,
                                          am_error *error);
void am__encoder_free(am_encoder **encoder);
size_t am__encoder_bytes(const am_encoder *encoder);
/* Bytes exec->workspace must have. */
size_t am__encoder_workspace(const am_encoder *encoder, const am_exec *exec);

/* Activations of one window: one per session. */
typedef struct am_encoder_space am_encoder_space;

AM_CHECK_RESULT am_status am__encoder_space_new(const am_encoder *encoder, const am_exec *exec,
                                                am_encoder_space **space, am_error *error);
void am__encoder_space_free(am_encoder_space **space);

/*
 * Where the caller writes the input: [2 * n_ctx, n_mels] floats, time-major. The rows on both
 * sides of it are the convolution's zero padding.
 */
float *am__encoder_input(am_encoder_space *space, const am_encoder *encoder);

/* For measurements: called by the f32 layers with the queries, keys and values
 * [n_ctx, 3 * d_model] of every attention before it. */
typedef void am_encoder_probe_fn(void *context, const float *qkv, size_t n_ctx);
void am__encoder_probe(am_encoder_space *space, am_encoder_probe_fn *probe, void *context);

/*
 * Encodes 2 * n_ctx frames, 1 <= n_ctx <= the model's n_audio_ctx. Returns the states
 * [n_ctx, d_model], borrowed until the next call. Allocates nothing.
 */
const float *am__encoder_run(const am_encoder *encoder, const am_exec *exec,
                             am_encoder_space *space, size_t n_ctx);

/* Products and sums that a window of n_ctx positions takes, a product and its sum being two. */
double am__encoder_operations(const am_dims *dims, size_t n_ctx);

#endif
