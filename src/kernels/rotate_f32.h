/*
 * A rotation that spreads what stands out in a row of f32 over its neighbours, so that one scale
 * for the row fits all of it (QuaRot, Ashkboos et al. 2024).
 *
 * With P = am__rotation(n): within each block of 16 P values, those 16 apart are replaced by their
 * Walsh-Hadamard transform of size P, in natural order and not normalised. So twice is P times the
 * row, and (H x) . (H w) = P (x . w). Values 16 apart, not neighbours, since vectors are then
 * combined whole.
 */
#ifndef AM_KERNELS_ROTATE_F32_H
#define AM_KERNELS_ROTATE_F32_H

#include <stddef.h>

#define AM_ROTATION_STRIDE ((size_t)16)
#define AM_ROTATION_MAX ((size_t)32)

/* The largest power of two, AM_ROTATION_MAX at most, that divides n / 16; 1 (no rotation) where
 * rows are no multiple of 16. A row of whole frames has its frames' blocks. n > 0 */
size_t am__rotation(size_t n);

/* y = H x; sums and differences of halves first, each rounded once, so that every instruction set
 * has the same bits. y may be x, otherwise no overlap. */
typedef void am_rotate_f32_fn(float *y, const float *x, size_t n);

#endif
