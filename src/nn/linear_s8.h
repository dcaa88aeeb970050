/*
 * Linear layers in 8-bit integers: weights quantised with one scale per output when they are
 * packed, inputs with one scale per row in every call (kernels/quantize.h, kernels/gemm_s8.h).
 * Weights may lie in memory in 4 bits (kernels/gemm_s4.h): a panel is then expanded to 8 bits
 * before a block of rows, or the few rows of a decoder step, passes over it.
 *
 * Before they are quantised, rows of inputs and of weights are rotated (kernels/rotate_f32.h),
 * which leaves their products as they are: a channel that stands out would else take the row's
 * scale for itself (docs/decisions/0004-eight-bits.md).
 *
 * A row's result depends on nothing but that row: it has the same bits for any number of rows
 * beside it, threads and instruction set (with GELU: as far as gelu_f32 has).
 */
#ifndef AM_NN_LINEAR_S8_H
#define AM_NN_LINEAR_S8_H

#include "base/mem.h"
#include "nn/exec.h"
#include "nn/stacked.h"

typedef struct am_linear_s8 {
    size_t n_in, n_out;
    bool four_bits;      /* panels of gemm_s4.h */
    am_s8_format format; /* of the kernels the weights were packed for */
    const void *panels;  /* [ceil(n_out / nr)] panels: `packed`, or in the model's file */
    void *packed;        /* owned; NULL where the file's panels are used in place */
    float *scale;        /* owned: [ceil(n_out / nr) * nr], as bias */
    float *bias;         /* owned */
} am_linear_s8;

/*
 * As am__linear_init. *linear must be zeroed or fresh; on failure it holds nothing. E_UNSUPPORTED
 * where a row is longer than AM_S8_DEPTH_MAX. Weights that are S8_PANELS or S4_PANELS are used
 * where they lie, which must outlive the layer, if this CPU takes their format, else repacked; the
 * values are the same, and `order` has been applied to them already. Others are quantised, to 4
 * bits if `four_bits` and rows are multiples of AM_S4_GROUP.
 */
AM_CHECK_RESULT am_status am__linear_s8_init(am_linear_s8 *linear, const am_kernels *kernels,
                                             const am_linear_part *parts, size_t n_parts,
                                             am_weight_order order, bool four_bits,
                                             am_error *error);
/* The same into panels of any format, always owned: what am_model_quantize writes. */
AM_CHECK_RESULT am_status am__linear_s8_pack(am_linear_s8 *linear, const am_s8_format *format,
                                             const am_linear_part *parts, size_t n_parts,
                                             am_weight_order order, bool four_bits,
                                             am_error *error);
void am__linear_s8_free(am_linear_s8 *linear);
size_t am__linear_s8_bytes(const am_linear_s8 *linear);

/* Bytes that a call needs beside its outputs, aligned to AM_ALIGNMENT: for any number of rows. */
size_t am__linear_s8_workspace(const am_linear_s8 *linear, const am_exec *exec);

/* x, y and ldx as in am__linear_run; workspace as above, for one call at a time. */
void am__linear_s8_run(const am_linear_s8 *linear, const am_exec *exec, const float *x, size_t ldx,
                       size_t n_rows, float *y, size_t ldy, am_epilogue epilogue, void *workspace);

/* Rows of n inputs as these layers take them: rotated, then quantised to q, am__s8_row_bytes of n
 * apart, with a scale each. space: [n] floats. */
void am__linear_s8_quantize(const am_kernels *kernels, size_t n_rows, size_t n, const float *x,
                            size_t ldx, void *q, float *row_scale, float *space);

/*
 * am__linear_s8_run for rows that are quantised already (am__linear_s8_quantize), by the calling
 * thread alone: what fused operators are made of. No epilogue but a sum: y += x W^T + b where
 * `accumulate`. `space`: am__s8_wide_bytes of n_in, for one call at a time.
 */
void am__linear_s8_rows(const am_linear_s8 *linear, const am_kernels *kernels, const void *q,
                        const float *row_scale, size_t n_rows, float *y, size_t ldy,
                        bool accumulate, void *space);

/* Row `row` of the weights, [n_in] f32, rotated back: as am__linear_weight_row. */
void am__linear_s8_weight_row(const am_linear_s8 *linear, const am_kernels *kernels, size_t row,
                              float *x);

/* Outputs [first, first + n) of the same, multiples of 64, for many rows: y [n_rows, n]. */
void am__linear_s8_columns(const am_linear_s8 *linear, const am_kernels *kernels, size_t first,
                           size_t n, const void *q, const float *row_scale, size_t n_rows,
                           float *y, void *space);

#endif
