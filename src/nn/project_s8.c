/* Keys and values of a window: see project_s8.h. */
#include "nn/project_s8.h"

#include <stdatomic.h>

#define ROWS_PER_PART 96

static size_t align(size_t n) {
    return (n + AM_ALIGNMENT - 1) / AM_ALIGNMENT * AM_ALIGNMENT;
}

/* The workspace's parts: quantised states, their scales, a row for each part that quantises, and
 * for each thread 64 columns of all positions, and space for a panel. */
typedef struct project_space {
    char *q;
    float *row_scale;
    float *rotated;
    char *columns;
    size_t row_bytes, columns_bytes, piece_bytes;
    size_t n_bytes;
} project_space;

static size_t n_parts_of(size_t n_ctx) {
    return (n_ctx + ROWS_PER_PART - 1) / ROWS_PER_PART;
}

static project_space space_of(const am_exec *exec, size_t n_ctx, size_t d_model, char *at) {
    project_space out = {.q = at,
                         .row_bytes = am__s8_row_bytes(&exec->kernels->s8.format, d_model),
                         .columns_bytes = align(n_ctx * AM_HEAD_DIM * sizeof(float))};
    char *next = at + align(n_ctx * out.row_bytes);
    out.piece_bytes = out.columns_bytes +
                      align(am__s8_wide_bytes(&exec->kernels->s8.format, d_model));
    out.row_scale = (float *)(void *)next;
    next += align(n_ctx * sizeof(float));
    out.rotated = (float *)(void *)next;
    out.columns = next + align(n_parts_of(n_ctx) * d_model * sizeof(float));
    out.n_bytes = (size_t)(out.columns - at) +
                  (size_t)am__team_size(exec->team) * out.piece_bytes;
    return out;
}

size_t am__project_s8_workspace(const am_exec *exec, size_t n_ctx, size_t d_model) {
    char none[1];
    return space_of(exec, n_ctx, d_model, none).n_bytes;
}

typedef struct project_job {
    const am_kernels *kernels;
    const am_linear_s8 *linear;
    const float *states;
    project_space space;
    size_t n_ctx, d_model;
    void *store;
    atomic_size_t next; /* first item that nobody has taken: keys or values of a head */
} project_job;

static void quantize_rows(void *context, size_t part, size_t n_parts) {
    const project_job *job = context;
    const size_t first = job->n_ctx * part / n_parts;
    const size_t n = job->n_ctx * (part + 1) / n_parts - first;
    am__linear_s8_quantize(job->kernels, n, job->d_model, job->states + first * job->d_model,
                           job->d_model, job->space.q + first * job->space.row_bytes,
                           job->space.row_scale + first,
                           job->space.rotated + part * job->d_model);
}

void am__project_s8_begin(const am_exec *exec, const float *states, size_t n_ctx, size_t d_model,
                          void *workspace) {
    project_job job = {.kernels = exec->kernels,
                       .states = states,
                       .space = space_of(exec, n_ctx, d_model, workspace),
                       .n_ctx = n_ctx,
                       .d_model = d_model};
    am__team_run(exec->team, n_parts_of(n_ctx), quantize_rows, &job);
}

static void project_items(void *context, size_t part, size_t n_parts) {
    (void)n_parts;
    project_job *job = context;
    const size_t n_heads = job->d_model / AM_HEAD_DIM;
    char *piece = job->space.columns + part * job->space.piece_bytes;
    float *columns = (float *)(void *)piece;
    size_t item;
    while ((item = atomic_fetch_add(&job->next, 1)) < 2 * n_heads) {
        const size_t head = item / 2;
        const bool keys = item % 2 == 0;
        am__linear_s8_columns(job->linear, job->kernels,
                              (keys ? 0 : job->d_model) + head * AM_HEAD_DIM, AM_HEAD_DIM,
                              job->space.q, job->space.row_scale, job->n_ctx, columns,
                              piece + job->space.columns_bytes);
        if (keys) {
            am__attention_s8_pack_keys(job->kernels, columns, AM_HEAD_DIM, job->n_ctx, head,
                                       job->store);
        } else {
            am__attention_s8_pack_values(job->kernels, columns, AM_HEAD_DIM, job->n_ctx, head,
                                         job->store);
        }
    }
}

void am__project_s8_layer(const am_exec *exec, const am_linear_s8 *linear, size_t n_ctx,
                          void *workspace, void *store) {
    project_job job = {.kernels = exec->kernels,
                       .linear = linear,
                       .space = space_of(exec, n_ctx, linear->n_in, workspace),
                       .n_ctx = n_ctx,
                       .d_model = linear->n_in,
                       .store = store};
    am__team_run(exec->team, (size_t)am__team_size(exec->team), project_items, &job);
}
