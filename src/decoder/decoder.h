/*
 * Whisper's text decoder: rows of tokens in, hidden states and logits out.
 *
 * One call takes any mix of rows: the tokens of a prompt, one token for each of several beams, the
 * tokens of several windows. A row is a token at the end of its sequence; it attends to its
 * sequence up to itself and to the audio of its window. What to do with the logits is decided
 * elsewhere (search.h). Reference: openai/whisper model.py, TextDecoder.
 */
#ifndef AM_DECODER_DECODER_H
#define AM_DECODER_DECODER_H

#include "decoder/kvcache.h"
#include "nn/attention.h"
#include "nn/dense.h"
#include "nn/norm.h"

/* Weights: immutable after creation, shared by threads. */
typedef struct am_decoder am_decoder;

/* Borrows from the model where am__model_in_place says so. */
AM_CHECK_RESULT am_status am__decoder_new(const am_model *model, am_compute_type type,
                                          const am_kernels *kernels, am_decoder **decoder,
                                          am_error *error);
void am__decoder_free(am_decoder **decoder);
size_t am__decoder_bytes(const am_decoder *decoder);
/* Bytes exec->workspace must have. */
size_t am__decoder_workspace(const am_decoder *decoder, const am_exec *exec);
const am_dims *am__decoder_dims(const am_decoder *decoder);

/* Cross-attention keys and values of one window. */
typedef struct am_cross am_cross;

AM_CHECK_RESULT am_status am__cross_new(const am_decoder *decoder, am_cross **cross,
                                        am_error *error);
void am__cross_free(am_cross **cross);
/* states [n_ctx, d_model] of the encoder; n_ctx <= n_audio_ctx. */
void am__cross_run(const am_decoder *decoder, const am_exec *exec, const float *states,
                   size_t n_ctx, am_cross *cross);

/* Activations of up to n_text_ctx rows at once, and the self-attention cache. */
typedef struct am_decoder_space am_decoder_space;

/* A cache of n_cells tokens, and room for the logits of n_logit_rows rows. */
AM_CHECK_RESULT am_status am__decoder_space_new(const am_decoder *decoder, size_t n_cells,
                                                size_t n_logit_rows, am_decoder_space **space,
                                                am_error *error);
void am__decoder_space_free(am_decoder_space **space);
am_kvcache *am__decoder_cache(am_decoder_space *space);

typedef struct am_decoder_row {
    int32_t token;
    am_sequence *sequence;
    const am_cross *cross;
} am_decoder_row;

/* Bytes that a step of these rows cannot do without reading: the weights, and the keys and values
 * of each window once (neighbouring rows share theirs). */
double am__decoder_step_bytes(const am_decoder *decoder, const am_decoder_row *rows,
                              size_t n_rows);

/* Cross-attention scores to keep: those of `heads` for every row of one call. */
typedef struct am_score_capture {
    const am_head_id *heads;
    size_t n_heads;
    size_t n_ctx;  /* as the cross-attention's */
    float *scores; /* [n_heads, n_rows, n_ctx], scaled, before the softmax; in 8 bits each
                  * row is off by a constant, which no softmax sees */
} am_score_capture;

/*
 * Appends each row's token to its sequence (rows of one sequence in order) and runs all rows
 * through the layers: 1 <= n_rows <= n_text_ctx, and no sequence grows past n_text_ctx. `capture`
 * may be NULL. The normalised hidden states are kept for am__decoder_logits. Only the cache can
 * fail (E_INTERNAL).
 */
AM_CHECK_RESULT am_status am__decoder_run(const am_decoder *decoder, const am_exec *exec,
                                          am_decoder_space *space, const am_decoder_row *rows,
                                          size_t n_rows, const am_score_capture *capture,
                                          am_error *error);

/* Logits of the rows of the last call that `rows` [n] lists, n <= n_logit_rows: [n, n_vocab],
 * borrowed until the next call; the caller may change them. */
float *am__decoder_logits(const am_decoder *decoder, const am_exec *exec, am_decoder_space *space,
                          const size_t *rows, size_t n);

#endif
