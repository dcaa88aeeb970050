/* LayerNorm driver: see norm.h. */
#include "nn/norm.h"

#define ROWS_PER_PART 64

am_status am__norm_init(am_norm *norm, const am_tensor *gamma, const am_tensor *beta,
                        am_error *error) {
    am_norm fresh = {.n = gamma->n_cols};
    am_status status = AM_NEW(&fresh.gamma, fresh.n, error);
    if (status == AM_OK) status = AM_NEW(&fresh.beta, fresh.n, error);
    if (status != AM_OK) {
        am__norm_free(&fresh);
        return status;
    }
    am__tensor_rows_f32(gamma, 0, 1, fresh.gamma);
    am__tensor_rows_f32(beta, 0, 1, fresh.beta);
    *norm = fresh;
    return AM_OK;
}

void am__norm_free(am_norm *norm) {
    am__free(norm->gamma);
    am__free(norm->beta);
    *norm = (am_norm){0};
}

typedef struct norm_job {
    const am_norm *norm;
    const am_kernels *kernels;
    const float *x;
    float *y;
    size_t n_rows;
} norm_job;

static void norm_rows(void *context, size_t part, size_t n_parts) {
    const norm_job *job = context;
    const size_t n = job->norm->n;
    const size_t end = job->n_rows * (part + 1) / n_parts;
    for (size_t r = job->n_rows * part / n_parts; r < end; r++) {
        job->kernels->layernorm_f32(job->y + r * n, job->x + r * n, job->norm->gamma,
                                    job->norm->beta, n);
    }
}

void am__norm_run(const am_norm *norm, const am_exec *exec, const float *x, size_t n_rows,
                  float *y) {
    norm_job job = {norm, exec->kernels, x, y, n_rows};
    am__team_run(exec->team, (n_rows + ROWS_PER_PART - 1) / ROWS_PER_PART, norm_rows, &job);
}
