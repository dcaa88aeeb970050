/*
 * Attention of a block of queries in 8-bit integers: scores of all keys, and their softmax as
 * unsigned 8-bit probabilities, the left side of gemm_s8.h's product with the values.
 *
 * A score is the exact sum of query times key, as a float, times the key's scale. For each row of n
 * scores s, with most = max s and the row's own scale r, in units of log2: x = s * r - most * r in
 * one fused multiply-add, p = rint(254 * 2^x + dither), 0 … 255, and scale = 1 / sum(p), so that
 * scale * p sums to 1 exactly as the product sees it. Nothing is clamped before the maximum is
 * known, which would lose most of the scores' range.
 *
 * Where attention rests on one position and the others share little, rounding to the nearest would
 * drop all the others at once. So the threshold of rounding goes up and down from position to
 * position (ordered dither, Bayer 1973; here a sequence of low discrepancy with a period of 64):
 * of many small probabilities as many become 1 as their sum says. On a real layer's activations
 * this takes the correlation with f32 from 0.993 to 0.99998.
 *
 * 2^x is split into an integer and a fraction of -1/2 … 1/2, whose power is a cubic within 1e-4;
 * every step is one rounded operation, so that all instruction sets give the same bits.
 */
#ifndef AM_KERNELS_SOFTMAX_U8_H
#define AM_KERNELS_SOFTMAX_U8_H

#include <stddef.h>

/* 254 * 2^f for f in -1/2 … 1/2: c[0] f^3 + … + c[3] */
#define AM_EXP2_U8 {14.0136f, 61.62323f, 176.0883f, 253.9817f}
/* x is raised to this: 254 * 2^-24 is nothing, and no exponent overflows. */
#define AM_EXP2_LEAST -24.0f

#define AM_DITHER_PERIOD 64
/* Of position i: the multiples of 39 / 64 (near the golden ratio) modulo 1, minus about 1/2. */
#define AM_DITHER(i) ((float)((i) * 39 % AM_DITHER_PERIOD) / AM_DITHER_PERIOD - 63.0f / 128)

/*
 * m <= mr rows of 64 quantised values, ldq bytes apart, against ceil(n / nr) panels of keys
 * (attn_s8.h), scale 0 behind n. scores: rows lds apart, of whole panels; what is behind n is 0.
 */
typedef void am_scores_s8_fn(size_t m, size_t n, const void *q, size_t ldq, const void *panels,
                             const float *key_scale, float *scores, size_t lds);

/*
 * scores: n_rows rows of n > 0 floats, lds apart. row_scale: [n_rows], >= 0, its products with the
 * scores less than 2^14 in size, for x is rounded to 2^-24 of those. p: rows ldp
 * bytes apart, in the form of quantize.h's values but without the offset of 128, filled with zeros
 * to a multiple of four values. scales: [n_rows]; may be row_scale.
 */
typedef void am_softmax_u8_fn(size_t n_rows, size_t n, const float *scores, size_t lds,
                              const float *row_scale, void *p, size_t ldp, float *scales);

#endif
