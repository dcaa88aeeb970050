/*
 * Attention of decoder rows over the keys and values of an audio window in 8-bit integers: packed
 * once per window, then read once per step for all rows of the window (kernels/attn_s8.h).
 *
 * A row's result has the same bits for any rows beside it, any number of threads, and every vector
 * instruction set.
 */
#ifndef AM_NN_ATTENTION_S8_H
#define AM_NN_ATTENTION_S8_H

#include "nn/attention.h"

/* Bytes of the packed keys and values of all heads of n_ctx positions. */
size_t am__attention_s8_bytes(const am_kernels *kernels, size_t n_ctx, size_t n_heads);

/* Keys, or values, of one head, rows of 64 floats ld apart -> store, of am__attention_s8_bytes and
 * aligned to AM_ALIGNMENT. 1 <= n_ctx <= AM_AUDIO_CTX_MAX. Heads may be packed side by side. */
void am__attention_s8_pack_keys(const am_kernels *kernels, const float *keys, size_t ldk,
                                size_t n_ctx, size_t head, void *store);
void am__attention_s8_pack_values(const am_kernels *kernels, const float *values, size_t ldv,
                                  size_t n_ctx, size_t head, void *store);

/* Rows that attend to the same window; distances in floats. */
typedef struct am_attention_group {
    const void *store;
    size_t n_ctx;
    const float *queries;  /* [n_rows, 64 * n_heads] */
    float *out;            /* as queries */
    size_t n_rows;
    float *const *capture; /* NULL, or [n_rows, n_heads]: as in am_attention_row, but each row's
                            * scores are off by a constant */
} am_attention_group;

/* Spread over the team by group and head. */
void am__attention_s8_run(const am_exec *exec, const am_attention_group *groups, size_t n_groups,
                          size_t n_heads);

#endif
