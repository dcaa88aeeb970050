/*
 * Scaled dot-product attention over heads of 64: for all positions of an encoder window at once,
 * and for single query rows of the decoder.
 */
#ifndef AM_NN_ATTENTION_H
#define AM_NN_ATTENTION_H

#include "base/mem.h"
#include "nn/exec.h"

#define AM_AUDIO_CTX_MAX 1500 /* positions of a 30 s window, and the most any query attends to */

/* Workspace of am__attention_full for windows of up to n_ctx positions. */
typedef struct am_attention_space {
    size_t n_ctx, d_model, n_parts;
    float *keys;   /* per head: K^T packed [ceil(n_ctx / nr)][64][nr] */
    float *values; /* per head: V packed [64 / nr][n_ctx][nr] */
    float *scores; /* [n_parts][query block, padded n_ctx] */
} am_attention_space;

AM_CHECK_RESULT am_status am__attention_space_init(am_attention_space *space, const am_exec *exec,
                                                   size_t n_ctx, size_t d_model, am_error *error);
void am__attention_space_free(am_attention_space *space);

/*
 * Every position attends to every position. qkv [n_ctx, 3 * d_model] holds queries, keys and
 * values side by side; the queries are scaled in place. out [n_ctx, d_model].
 */
void am__attention_full(const am_attention_space *space, const am_exec *exec, float *qkv,
                        size_t n_ctx, float *out);

/* Keys and values one decoder row attends to, in f32 or f16. Position p lies at rows[p] * stride
 * (rows NULL: p * stride) behind `keys` and `values`; head h starts 64 h of them further. */
typedef struct am_attention_row {
    const float *query;    /* [d_model] */
    const void *keys;      /* of f32, or of f16 where `half` */
    const void *values;    /* as keys */
    bool half;
    size_t stride;
    const int32_t *rows;
    size_t n;              /* positions, 1 … AM_AUDIO_CTX_MAX */
    float *out;            /* [d_model] */
    float *const *capture; /* NULL, or [n_heads]: where head h's scaled scores [n] go, or NULL */
} am_attention_row;

/* Attention of n_rows independent query rows, spread over the team by head and row. */
void am__attention_rows(const am_exec *exec, const am_attention_row *rows, size_t n_rows,
                        size_t n_heads);

#endif
