/* LayerNorm of many rows. */
#ifndef AM_NN_NORM_H
#define AM_NN_NORM_H

#include "base/mem.h"
#include "model/model.h"
#include "nn/exec.h"

typedef struct am_norm {
    size_t n;
    float *gamma, *beta; /* owned, [n] */
} am_norm;

AM_CHECK_RESULT am_status am__norm_init(am_norm *norm, const am_tensor *gamma,
                                        const am_tensor *beta, am_error *error);
void am__norm_free(am_norm *norm);

/* y = layernorm(x), x and y [n_rows, n] with rows next to each other; in place allowed. */
void am__norm_run(const am_norm *norm, const am_exec *exec, const float *x, size_t n_rows,
                  float *y);

#endif
