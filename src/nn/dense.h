/*
 * A linear layer in the arithmetic the engine was opened with: f32 (linear.h), 8-bit integers, or
 * those with weights in 4 bits (linear_s8.h). What encoder and decoder are written in.
 */
#ifndef AM_NN_DENSE_H
#define AM_NN_DENSE_H

#include "nn/linear.h"
#include "nn/linear_s8.h"

typedef struct am_dense {
    am_compute_type type;
    union {
        am_linear f32;
        am_linear_s8 s8;
    } as;
} am_dense;

/* How weights are packed. */
typedef struct am_packing {
    am_compute_type type;
    const am_kernels *kernels;
} am_packing;

/* The type for layers that do not bear 4 bits, or gain nothing by them. */
am_compute_type am__dense_sensitive(am_compute_type type);

/* One weight and its bias (NULL = none); as am__dense_init. */
AM_CHECK_RESULT am_status am__dense_load(am_dense *dense, const am_packing *how,
                                         const am_tensor *weight, const am_tensor *bias,
                                         am_error *error);

/* As am__linear_init and am__linear_s8_init. */
AM_CHECK_RESULT am_status am__dense_init(am_dense *dense, am_compute_type type,
                                         const am_kernels *kernels, const am_linear_part *parts,
                                         size_t n_parts, am_weight_order order, am_error *error);
void am__dense_free(am_dense *dense);
size_t am__dense_bytes(const am_dense *dense);

/* Bytes that exec->workspace must have for this layer; raises *n_bytes to it. */
void am__dense_need(const am_dense *dense, const am_exec *exec, size_t *n_bytes);

/* As am__linear_weight_row: in 8 bits, the quantised weights. */
void am__dense_weight_row(const am_dense *dense, const am_kernels *kernels, size_t row, float *x);

/* As am__linear_run. */
void am__dense_run(const am_dense *dense, const am_exec *exec, const float *x, size_t ldx,
                   size_t n_rows, float *y, size_t ldy, am_epilogue epilogue);

#endif
