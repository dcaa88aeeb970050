/*
 * attention.h's attention over a whole window in 8-bit integers: queries with one scale per row
 * and head; keys and values packed as for the decoder (kernels/attn_s8.h); exact INT32 scores that
 * stay whole through softmax; unsigned 8-bit probabilities (kernels/softmax_u8.h).
 *
 * A row's result is the same bits for any number of threads and any vector instruction set.
 */
#ifndef AM_NN_ATTENTION_FULL_S8_H
#define AM_NN_ATTENTION_FULL_S8_H

#include "base/mem.h"
#include "nn/exec.h"

/* Workspace for windows of up to n_ctx positions. */
typedef struct am_attention_full_s8 {
    size_t n_ctx, d_model, n_threads;
    am_s8_format format;
    size_t key_bytes, value_bytes, piece_bytes;
    char *keys;         /* per head: panels of keys [ceil(n_ctx / nr)] */
    char *values;       /* per head: panels of channels [64 / nr] */
    float *key_scale;   /* per head: [ceil(n_ctx / nr) * nr] */
    float *value_scale; /* [d_model] */
    float *value_mean;  /* [d_model] */
    char *pieces;       /* [n_threads]: what one thread works in */
} am_attention_full_s8;

AM_CHECK_RESULT am_status am__attention_full_s8_init(am_attention_full_s8 *space,
                                                      const am_exec *exec, size_t n_ctx,
                                                      size_t d_model, am_error *error);
void am__attention_full_s8_free(am_attention_full_s8 *space);

/* As am__attention_full; qkv [n_ctx, 3 * d_model] is only read. out [n_ctx, d_model]. */
void am__attention_full_s8(const am_attention_full_s8 *space, const am_exec *exec,
                           const float *qkv, size_t n_ctx, float *out);

#endif
