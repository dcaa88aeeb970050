/*
 * Operations on vectors of f32: norms, activations, reductions, conversions. n may be any number;
 * pointers need no alignment beyond float's. y may be x where both appear, otherwise no overlap.
 */
#ifndef AM_KERNELS_VECTOR_F32_H
#define AM_KERNELS_VECTOR_F32_H

#include "kernels/gemm_f32.h"

/* y = (x - mean) / sqrt(variance + 1e-5) * gamma + beta, variance over n (Ba et al. 2016). n > 0 */
typedef void am_layernorm_f32_fn(float *y, const float *x, const float *gamma, const float *beta,
                                 size_t n);
/* x = exp(x - max) / sum; -inf gives 0. At least one x is finite. */
typedef void am_softmax_f32_fn(float *x, size_t n);
/* log(sum(exp(x))); -inf entries count 0, and all -inf gives -inf. n > 0 */
typedef float am_logsumexp_f32_fn(const float *x, size_t n);
/* Index of the first maximum; n > 0, no NaN. */
typedef size_t am_argmax_f32_fn(const float *x, size_t n);
/* The k greatest, in falling order, the first of equal ones first, without -inf: their values and
 * indices [k]. Returns how many there are, k at most. n > 0, 1 <= k <= AM_TOP_MAX, no NaN. */
#define AM_TOP_MAX 32
typedef size_t am_top_f32_fn(const float *x, size_t n, size_t k, float *values, int32_t *indices);
/* y = x / 2 (1 + erf(x / sqrt 2)), |error| <= 1e-6 max(1, |x|) (Hendrycks and Gimpel 2016) */
typedef void am_gelu_f32_fn(float *y, const float *x, size_t n);
/* y += x */
typedef void am_add_f32_fn(float *y, const float *x, size_t n);
/* IEEE binary16 and back; f32 to f16 rounds to nearest even. */
typedef void am_f16_to_f32_fn(float *y, const am_f16 *x, size_t n);
typedef void am_f32_to_f16_fn(am_f16 *y, const float *x, size_t n);
/* y = log10(max(x, least)), least > 0 and normal; |error| <= 1e-6 for x of 1e-10 … 1e6 */
typedef void am_log10_f32_fn(float *y, const float *x, size_t n, float least);

#endif
