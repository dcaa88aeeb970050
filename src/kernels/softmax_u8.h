/*
 * Attention of a block of queries in 8-bit integers: scores of all keys, and their softmax as
 * unsigned 8-bit probabilities, the left side of gemm_s8.h's product with the values.
 *
 * A score is the exact sum of query times key, as a float, times the key's scale. For each row of n
 * scores s, with most = max s and the row's own scale r, in units of log2: x = s * r - most * r,
 * p = rint(254 * 2^x + dither), 0 … 255, and scale = 1 / sum(p), so that scale * p sums to 1
 * exactly as the product sees it. Nothing is clamped before the maximum is known, which would lose
 * most of the scores' range.
 *
 * Where attention rests on one position and the others share little, rounding to the nearest would
 * drop all the others at once. So the threshold of rounding goes up and down from position to
 * position (ordered dither, Bayer 1973; here a sequence of low discrepancy with a period of 64):
 * of many small probabilities as many become 1 as their sum says. On a real layer's activations
 * this takes the correlation with f32 from 0.993 to 0.99998.
 *
 * 2^x comes from the fields of a float (Schraudolph 1999): with scale = r * 2^23 and
 * offset = fma(-most, scale, 127 * 2^23), u = rint(fma(s, scale, offset)), raised to 0, is 127 + x
 * with 23 bits behind the point. Read as a float, u is 2^floor(x) * m with m = 1 + x - floor(x);
 * a cubic P in m, within 7e-4 of 254 * 2^(m - 1) / m, makes that p = rint(fma(P(m), u, dither)).
 * Every step is one rounded operation, so that all instruction sets give the same bits.
 */
#ifndef AM_KERNELS_SOFTMAX_U8_H
#define AM_KERNELS_SOFTMAX_U8_H

#include <stddef.h>

#define AM_EXP2_ONE 8388608.0f /* 1 in the fixed point of x: 2^23 */
/* 254 * 2^(m - 1) / m for m in 1 … 2: c[0] m^3 + … + c[3] */
#define AM_EXP2_U8 {-27.037208f, 179.69886f, -349.83613f, 451.00614f}

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
 * scores less than 2^14 in size, for x is rounded to 2^-24 of those, and to 2^-18. p: rows ldp
 * bytes apart, of unsigned activations (gemm_s8.h), filled with zeros to a multiple of four.
 * scales: [n_rows]; may be row_scale.
 */
typedef void am_softmax_u8_fn(size_t n_rows, size_t n, const float *scores, size_t lds,
                              const float *row_scale, void *p, size_t ldp, float *scales);

#endif
