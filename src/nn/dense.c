/* Choice of a linear layer's arithmetic: see dense.h. */
#include "nn/dense.h"

am_status am__dense_init(am_dense *dense, am_compute_type type, const am_kernels *kernels,
                         const am_linear_part *parts, size_t n_parts, am_weight_order order,
                         am_error *error) {
    am_dense fresh = {.type = type};
    if (type == AM_COMPUTE_F32) {
        AM_TRY(am__linear_init(&fresh.as.f32, kernels, parts, n_parts, order, error));
    } else {
        AM_TRY(am__linear_s8_init(&fresh.as.s8, kernels, parts, n_parts, order,
                                  type == AM_COMPUTE_INT4, error));
    }
    *dense = fresh;
    return AM_OK;
}

am_compute_type am__dense_sensitive(am_compute_type type) {
    return type == AM_COMPUTE_INT4 ? AM_COMPUTE_INT8 : type;
}

am_status am__dense_load(am_dense *dense, const am_packing *how, const am_tensor *weight,
                         const am_tensor *bias, am_error *error) {
    const am_linear_part part = {weight, bias};
    return am__dense_init(dense, how->type, how->kernels, &part, 1, AM_WEIGHT_PLAIN, error);
}

void am__dense_free(am_dense *dense) {
    if (dense->type != AM_COMPUTE_F32) {
        am__linear_s8_free(&dense->as.s8);
    } else {
        am__linear_free(&dense->as.f32);
    }
    *dense = (am_dense){0};
}

size_t am__dense_bytes(const am_dense *dense) {
    return dense->type != AM_COMPUTE_F32 ? am__linear_s8_bytes(&dense->as.s8)
                                          : am__linear_bytes(&dense->as.f32);
}

void am__dense_need(const am_dense *dense, const am_exec *exec, size_t *n_bytes) {
    if (dense->type == AM_COMPUTE_F32) return;
    const size_t n = am__linear_s8_workspace(&dense->as.s8, exec);
    if (n > *n_bytes) *n_bytes = n;
}

void am__dense_weight_row(const am_dense *dense, const am_kernels *kernels, size_t row, float *x) {
    if (dense->type != AM_COMPUTE_F32) {
        am__linear_s8_weight_row(&dense->as.s8, kernels, row, x);
    } else {
        am__linear_weight_row(&dense->as.f32, kernels, row, x);
    }
}

void am__dense_run(const am_dense *dense, const am_exec *exec, const float *x, size_t ldx,
                   size_t n_rows, float *y, size_t ldy, am_epilogue epilogue) {
    if (dense->type != AM_COMPUTE_F32) {
        am__linear_s8_run(&dense->as.s8, exec, x, ldx, n_rows, y, ldy, epilogue, exec->workspace);
    } else {
        am__linear_run(&dense->as.f32, exec, x, ldx, n_rows, y, ldy, epilogue);
    }
}
