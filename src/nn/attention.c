/* Attention drivers: see attention.h. */
#include "nn/attention.h"

#include <string.h>

#define QUERY_BLOCK 24 /* rows of scores held at once: 24 * 1500 floats stay in L2 */
#define PARTS_PER_THREAD 4
#define SCALE 0.125f /* 1 / sqrt(AM_HEAD_DIM): exact, so it may be applied anywhere */

static size_t round_up(size_t n, size_t to) {
    return (n + to - 1) / to * to;
}

static size_t min_size(size_t a, size_t b) {
    return a < b ? a : b;
}

am_status am__attention_space_init(am_attention_space *space, const am_exec *exec, size_t n_ctx,
                                   size_t d_model, am_error *error) {
    const size_t padded = round_up(n_ctx, exec->kernels->gemm.nr);
    am_attention_space fresh = {.n_ctx = n_ctx, .d_model = d_model,
                                .n_parts = (size_t)am__team_size(exec->team) * PARTS_PER_THREAD};
    am_status status = AM_NEW(&fresh.keys, padded * d_model, error);
    if (status == AM_OK) status = AM_NEW(&fresh.values, padded * d_model, error);
    if (status == AM_OK) {
        status = AM_NEW(&fresh.scores, fresh.n_parts * QUERY_BLOCK * padded, error);
    }
    if (status != AM_OK) {
        am__attention_space_free(&fresh);
        return status;
    }
    *space = fresh;
    return AM_OK;
}

void am__attention_space_free(am_attention_space *space) {
    am__free(space->keys);
    am__free(space->values);
    am__free(space->scores);
    *space = (am_attention_space){0};
}

typedef struct full_job {
    const am_attention_space *space;
    const am_kernels *kernels;
    float *qkv;
    float *out;
    size_t n_ctx, ldq; /* ldq = 3 * d_model */
} full_job;

static float *head_keys(const full_job *job, size_t head) {
    const size_t padded = round_up(job->n_ctx, job->kernels->gemm.nr);
    return job->space->keys + head * padded * AM_HEAD_DIM;
}

static float *head_values(const full_job *job, size_t head) {
    const size_t padded = round_up(job->n_ctx, job->kernels->gemm.nr);
    return job->space->values + head * padded * AM_HEAD_DIM;
}

/* Scales the queries of one head and packs its keys and values into panels. */
static void pack_head(void *context, size_t head, size_t n_heads) {
    (void)n_heads;
    const full_job *job = context;
    const size_t nr = job->kernels->gemm.nr;
    const size_t d_model = job->space->d_model;
    float *keys = head_keys(job, head);
    float *values = head_values(job, head);
    for (size_t t = 0; t < job->n_ctx; t++) {
        float *q = job->qkv + t * job->ldq + head * AM_HEAD_DIM;
        const float *k = q + d_model;
        const float *v = q + 2 * d_model;
        float *key_column = keys + t / nr * AM_HEAD_DIM * nr + t % nr;
        for (size_t i = 0; i < AM_HEAD_DIM; i++) {
            q[i] *= SCALE;
            key_column[i * nr] = k[i];
        }
        for (size_t i = 0; i < AM_HEAD_DIM; i += nr) {
            memcpy(values + (i / nr * job->n_ctx + t) * nr, v + i,
                   min_size(nr, AM_HEAD_DIM - i) * sizeof *v);
        }
    }
}

/* Attention of up to QUERY_BLOCK query rows of one head. */
static void attend_block(const full_job *job, size_t head, size_t row, float *scores) {
    const size_t mr = job->kernels->gemm.mr;
    const size_t nr = job->kernels->gemm.nr;
    const size_t n_ctx = job->n_ctx;
    const size_t d_model = job->space->d_model;
    const size_t lds = round_up(n_ctx, nr);
    const size_t n_rows = min_size(QUERY_BLOCK, n_ctx - row);
    const float *keys = head_keys(job, head);
    const float *values = head_values(job, head);
    const float *q = job->qkv + row * job->ldq + head * AM_HEAD_DIM;
    for (size_t t = 0; t < n_ctx; t += nr) {
        for (size_t r = 0; r < n_rows; r += mr) {
            job->kernels->gemm.tile_f32(min_size(mr, n_rows - r), min_size(nr, n_ctx - t),
                                        AM_HEAD_DIM, q + r * job->ldq, job->ldq,
                                        keys + t * AM_HEAD_DIM, scores + r * lds + t, lds, NULL,
                                        false);
        }
    }
    for (size_t r = 0; r < n_rows; r++) job->kernels->softmax_f32(scores + r * lds, n_ctx);
    for (size_t i = 0; i < AM_HEAD_DIM; i += nr) {
        for (size_t r = 0; r < n_rows; r += mr) {
            float *out = job->out + (row + r) * d_model + head * AM_HEAD_DIM + i;
            job->kernels->gemm.tile_f32(min_size(mr, n_rows - r), min_size(nr, AM_HEAD_DIM - i),
                                        n_ctx, scores + r * lds, lds, values + i * n_ctx, out,
                                        d_model, NULL, false);
        }
    }
}

static void attend_blocks(void *context, size_t part, size_t n_parts) {
    const full_job *job = context;
    const size_t n_blocks = (job->n_ctx + QUERY_BLOCK - 1) / QUERY_BLOCK;
    const size_t n_items = job->space->d_model / AM_HEAD_DIM * n_blocks;
    const size_t lds = round_up(job->n_ctx, job->kernels->gemm.nr);
    float *scores = job->space->scores + part * QUERY_BLOCK * lds;
    const size_t end = n_items * (part + 1) / n_parts;
    for (size_t item = n_items * part / n_parts; item < end; item++) {
        attend_block(job, item / n_blocks, item % n_blocks * QUERY_BLOCK, scores);
    }
}

void am__attention_full(const am_attention_space *space, const am_exec *exec, float *qkv,
                        size_t n_ctx, float *out) {
    full_job job = {space, exec->kernels, qkv, out, n_ctx, 3 * space->d_model};
    am__team_run(exec->team, space->d_model / AM_HEAD_DIM, pack_head, &job);
    am__team_run(exec->team, space->n_parts, attend_blocks, &job);
}

typedef struct rows_job {
    const am_kernels *kernels;
    const am_attention_row *rows;
    size_t n_rows, n_heads;
} rows_job;

static void attend_row(const rows_job *job, const am_attention_row *row, size_t head) {
    _Alignas(AM_ALIGNMENT) float scores[AM_AUDIO_CTX_MAX];
    const size_t at = head * AM_HEAD_DIM;
    const am_kernels *kernels = job->kernels;
    if (row->half) {
        kernels->attn_scores_f16(row->query + at, (const am_f16 *)row->keys + at, row->stride,
                                 row->rows, row->n, SCALE, scores);
    } else {
        kernels->attn_scores_f32(row->query + at, (const float *)row->keys + at, row->stride,
                                 row->rows, row->n, SCALE, scores);
    }
    if (row->capture != NULL && row->capture[head] != NULL) {
        memcpy(row->capture[head], scores, row->n * sizeof *scores);
    }
    kernels->softmax_f32(scores, row->n);
    if (row->half) {
        kernels->attn_mix_f16(scores, (const am_f16 *)row->values + at, row->stride, row->rows,
                              row->n, row->out + at);
    } else {
        kernels->attn_mix_f32(scores, (const float *)row->values + at, row->stride, row->rows,
                              row->n, row->out + at);
    }
}

/* Items run through the rows of one head before the next head: rows of one window find its keys
 * and values in cache. */
static void attend_items(void *context, size_t part, size_t n_parts) {
    const rows_job *job = context;
    const size_t n_items = job->n_rows * job->n_heads;
    const size_t end = n_items * (part + 1) / n_parts;
    for (size_t item = n_items * part / n_parts; item < end; item++) {
        attend_row(job, &job->rows[item % job->n_rows], item / job->n_rows);
    }
}

void am__attention_rows(const am_exec *exec, const am_attention_row *rows, size_t n_rows,
                        size_t n_heads) {
    rows_job job = {exec->kernels, rows, n_rows, n_heads};
    const size_t n_shares = (size_t)am__team_size(exec->team) * PARTS_PER_THREAD;
    am__team_run(exec->team, min_size(n_rows * n_heads, n_shares), attend_items, &job);
}
