/*
 * Rows of f32 to 8-bit values with one scale each: x ~ scale * q, |q| <= 127, symmetric.
 *
 * With most = max |x|: scale = most / 127, q = x * (127 / most) rounded to the nearest, ties to
 * even, each operation rounded to f32 once; a row with most < AM_QUANTIZE_LEAST is all zeros with
 * scale 0. x is finite. Every instruction set gives the same values; their form in memory is that
 * of gemm_s8.h.
 */
#ifndef AM_KERNELS_QUANTIZE_H
#define AM_KERNELS_QUANTIZE_H

#include "kernels/gemm_s8.h"

#define AM_QUANTIZE_LEAST 1e-30f /* 127 / most must not overflow */

/* x: n_rows rows of n floats, ldx apart (rows may overlap). q: rows ldq bytes apart, each filled
 * to a multiple of four values. scales: [n_rows]. */
typedef void am_quantize_fn(size_t n_rows, size_t n, const float *x, size_t ldx, void *q,
                            size_t ldq, float *scales);

/* One row of weights: the same arithmetic. Returns the scale. */
float am__quantize_row(const float *x, size_t n, int8_t *q);

#endif
