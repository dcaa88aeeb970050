/*
 * Softmax of attention in 8-bit integers: rows of whole scores in, unsigned 8-bit probabilities
 * out, as the left side of gemm_s8.h's product with the values.
 *
 * For each row of n scores s, in units of log2, with most = max s: p = rint(255 * 2^(s - most)),
 * 0 … 255, the largest being 255, and scale = 1 / sum(p), so that scale * p sums to 1 exactly as
 * the product sees it. Scores are f32 that come from exact INT32 sums: nothing is clamped before
 * the maximum is known (Shen et al., I-BERT, 2021, and others quantise them; that loses most of
 * their range). 2^x is split into an integer and a fraction of -1/2 … 1/2, whose power is a cubic
 * within 1e-4; every step is one rounded operation, so that all instruction sets give the same
 * bits.
 */
#ifndef AM_KERNELS_ATTN_S8_H
#define AM_KERNELS_ATTN_S8_H

#include <stddef.h>

/* 255 * 2^f for f in -1/2 … 1/2: c[0] f^3 + … + c[3] */
#define AM_EXP2_U8 {14.0687757f, 61.8658385f, 176.781552f, 254.981659f}
/* s - most is raised to this: 255 * 2^-24 rounds to 0, and no exponent overflows. */
#define AM_EXP2_LEAST -24.0f

/*
 * scores: n_rows rows of n > 0 finite floats, lds apart. p: rows ldp bytes apart, in the form of
 * quantize.h's values but without the offset of 128, filled with zeros to a multiple of four
 * values. scales: [n_rows].
 */
typedef void am_softmax_u8_fn(size_t n_rows, size_t n, const float *scores, size_t lds, void *p,
                              size_t ldp, float *scales);

#endif
