/*
 * One transformer layer of the encoder, and the way through layers in 8-bit integers.
 */
#ifndef AM_ENCODER_LAYER_H
#define AM_ENCODER_LAYER_H

#include "nn/attention_full_s8.h"
#include "nn/dense.h"
#include "nn/norm.h"

typedef struct am_encoder_layer {
    am_norm attn_norm, mlp_norm;
    am_dense qkv, out, fc1, fc2;
} am_encoder_layer;

/* What the 8-bit layers work in; x and normed are the caller's. */
typedef struct am_layers_s8_space {
    size_t n_ctx, d_model, d_ff;
    size_t n_rows;       /* of a block */
    size_t piece_bytes;
    float *qkv;          /* [n_ctx, 3 * d_model] */
    float *mixed;        /* [n_ctx, d_model]: attention output */
    char *pieces;        /* [n_threads]: what one thread works in */
    am_attention_full_s8 attention;
} am_layers_s8_space;

AM_CHECK_RESULT am_status am__layers_s8_space_init(am_layers_s8_space *space, const am_exec *exec,
                                                   size_t n_ctx, size_t d_model, size_t d_ff,
                                                   am_error *error);
void am__layers_s8_space_free(am_layers_s8_space *space);

/* x [n_ctx, d_model] through all layers, then the last norm: y [n_ctx, d_model], not x. */
void am__layers_s8_run(const am_encoder_layer *layers, size_t n_layers, const am_norm *last,
                       const am_exec *exec, am_layers_s8_space *space, float *x, size_t n_ctx,
                       float *y);

#endif
