/*
 * Attention of one query row for one head of 64. Key and value p lie `rows[p] * stride` floats
 * behind k and v, or `p * stride` where rows is NULL; 64 floats each. n >= 1.
 *
 * The f16 forms have keys and values in IEEE binary16, stride in such: the same arithmetic on
 * exactly converted values.
 */
#ifndef AM_KERNELS_ATTN_F32_H
#define AM_KERNELS_ATTN_F32_H

#include "kernels/gemm_f32.h"

#define AM_HEAD_DIM 64 /* every published Whisper size has heads of 64 */

/* scores[p] = scale * (q . k_p) for p < n */
typedef void am_attn_scores_f32_fn(const float *q, const float *k, size_t stride,
                                   const int32_t *rows, size_t n, float scale, float *scores);
/* out[64] = sum over p < n of weights[p] * v_p */
typedef void am_attn_mix_f32_fn(const float *weights, const float *v, size_t stride,
                                const int32_t *rows, size_t n, float *out);

typedef void am_attn_scores_f16_fn(const float *q, const am_f16 *k, size_t stride,
                                   const int32_t *rows, size_t n, float scale, float *scores);
typedef void am_attn_mix_f16_fn(const float *weights, const am_f16 *v, size_t stride,
                                const int32_t *rows, size_t n, float *out);

#endif
