/*
 * Linear layers: weights packed once into panels of the chosen kernel's width, then y = x W^T + b
 * for any number of rows. Convolutions and the vocabulary projection are linear layers too.
 *
 * Weights that are f16 in the file stay f16 in the panels (the conversion to f32 is exact), so
 * that a decoder step reads half the bytes; everything else is held in f32.
 */
#ifndef AM_NN_LINEAR_H
#define AM_NN_LINEAR_H

#include "base/mem.h"
#include "nn/exec.h"
#include "nn/stacked.h"

typedef struct am_linear {
    size_t n_in, n_out;
    size_t nr;           /* panel width the weights were packed for */
    bool half;           /* panels are f16, else f32 */
    void *panels;        /* owned: [ceil(n_out / nr)][n_in][nr] */
    float *bias;         /* owned: [ceil(n_out / nr) * nr], zeros where there is no bias */
} am_linear;

/*
 * Packs the parts, stacked along the outputs, for `kernels`. *linear must be zeroed or fresh; on
 * failure it holds nothing. Free with am__linear_free.
 */
AM_CHECK_RESULT am_status am__linear_init(am_linear *linear, const am_kernels *kernels,
                                          const am_linear_part *parts, size_t n_parts,
                                          am_weight_order order, am_error *error);
void am__linear_free(am_linear *linear);
size_t am__linear_bytes(const am_linear *linear);

/*
 * x: n_rows rows of n_in floats, `ldx` floats apart (rows may overlap: convolutions).
 * y: n_rows rows of n_out floats, `ldy` apart; must not overlap x.
 */
void am__linear_run(const am_linear *linear, const am_exec *exec, const float *x, size_t ldx,
                    size_t n_rows, float *y, size_t ldy, am_epilogue epilogue);

/* Row `row` of the weight matrix, [n_in] f32: the embedding of a token whose vocabulary projection
 * this is. */
void am__linear_weight_row(const am_linear *linear, const am_kernels *kernels, size_t row,
                           float *out);

#endif
