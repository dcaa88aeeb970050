/*
 * Matrix product in 8-bit integers, one register tile at a time, with exact sums.
 *
 * y[m, n] = (float)(A[m, k] B[k, n]) * (row_scale[m] * column_scale[n]) + bias[n], m <= mr,
 * n <= nr, or y += the same. A is what quantize.h makes of activations, B one panel packed by
 * am__s8_pack from weights of -127 … 127. Sums are exact 32-bit integers for k <= 65536; the
 * product of the scales is rounded, then sum * scale + bias is one fused multiply-add, then y is
 * added: so every instruction set gives the same bits.
 *
 * How A and B lie in memory follows from the multiply instruction, which takes `group` neighbours
 * of k at once, and is known to nobody else (am_s8_format). Where it takes bytes of one kind only,
 * activations of the other are stored plus an offset, and the sums of a panel start at minus that
 * times its column sums. Panels of weights and keys are for activations of both signs, those of
 * values (attn_s8.h) for activations that are unsigned by nature (softmax_u8.h). VPDPBUSD takes
 * unsigned bytes times signed ones, SDOT signed ones only. Without either, bytes are widened to 16
 * bits, which hold both kinds, and multiplied in pairs (VPMADDWD): VPMADDUBSW would saturate.
 *
 * Panels hold one byte a weight: decoder steps read them from memory once and do little else. For
 * many rows `widen` makes the form that tile_wide reads without converting again; it is NULL where
 * `tile` has nothing to convert.
 */
#ifndef AM_KERNELS_GEMM_S8_H
#define AM_KERNELS_GEMM_S8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AM_S8_DEPTH_MAX ((size_t)65536)

typedef struct am_s8_format {
    size_t mr, nr;      /* tile: rows of A, columns of B */
    size_t group;       /* 2 or 4 */
    size_t value_bytes; /* of an activation: 2 (int16_t) or 1, modulo 256 */
    int32_t offset;          /* what is added to activations of -127 … 127 when they are stored, */
    int32_t unsigned_offset; /* and to those of 0 … 255 */
} am_s8_format;

typedef struct am_s8_out {
    float *y;
    size_t ldy;
    const float *row_scale;    /* [m] */
    const float *column_scale; /* [nr], as bias */
    const float *bias;
    bool accumulate;
} am_s8_out;

/* a: m rows, lda bytes apart. Exactly m rows of n columns of y are written. */
typedef void am_gemm_s8_fn(size_t m, size_t n, size_t k, const void *a, size_t lda,
                           const void *panel, const am_s8_out *out);
/* panel -> wide, of am__s8_wide_bytes. */
typedef void am_widen_s8_fn(size_t k, const void *panel, void *wide);

/* Distance of quantised rows of k values, in bytes: whole groups, and no power of two that would
 * put all rows of a tile into the same few cache sets. */
size_t am__s8_row_bytes(const am_s8_format *format, size_t k);
size_t am__s8_panel_bytes(const am_s8_format *format, size_t k);
size_t am__s8_wide_bytes(const am_s8_format *format, size_t k);

/* Packs w [n, k] (output, input), n <= nr, into one panel; columns behind n are zeros. */
void am__s8_pack(const am_s8_format *format, const int8_t *w, size_t n, size_t k, void *panel);

/* Column j of a panel, w [k]. */
void am__s8_unpack_column(const am_s8_format *format, const void *panel, size_t j, size_t k,
                          int8_t *w);

/* The format that files hold panels in (docs/amn.md): what VPDPBUSD takes in vectors of 512 bits.
 * It has no mr. */
extern const am_s8_format am__s8_stored;
bool am__s8_is_stored(const am_s8_format *format);

#endif
