/*
 * Attention in 8-bit integers: see attention_full_s8.h.
 *
 * First every head's keys and values are quantised and packed. Then threads take blocks of queries
 * of one head, head after head, so that a head's panels stay in L2: all scores of the block, their
 * softmax, and the product with the values, whose result is scaled by both.
 */
#include "nn/attention_full_s8.h"

#include <stdatomic.h>

#define QUERY_ROWS 24 /* of a block: 24 * 1500 scores and their probabilities are 180 KB of L2 */
/* Scores are in units of log2: 1 / sqrt(64) * log2(e) */
#define SCORE_SCALE (0.125f * 1.44269504f)

static size_t min_size(size_t a, size_t b) {
    return a < b ? a : b;
}

static size_t align(size_t n) {
    return (n + AM_ALIGNMENT - 1) / AM_ALIGNMENT * AM_ALIGNMENT;
}

static size_t padded_ctx(const am_s8_format *format, size_t n_ctx) {
    return (n_ctx + format->nr - 1) / format->nr * format->nr;
}

/* What a thread works in. */
typedef struct piece {
    char *q;       /* [QUERY_ROWS] quantised queries */
    float *scores; /* [QUERY_ROWS, padded n_ctx] */
    char *p;       /* [QUERY_ROWS] rows of probabilities */
    size_t n_bytes;
} piece;

static piece piece_of(const am_s8_format *format, size_t n_ctx, char *at) {
    piece out = {.q = at};
    char *next = at + align(QUERY_ROWS * am__s8_row_bytes(format, AM_HEAD_DIM));
    out.scores = (float *)(void *)next;
    out.p = next + align(QUERY_ROWS * padded_ctx(format, n_ctx) * sizeof(float));
    out.n_bytes = (size_t)(out.p - at) + align(QUERY_ROWS * am__s8_row_bytes(format, n_ctx));
    return out;
}

am_status am__attention_full_s8_init(am_attention_full_s8 *space, const am_exec *exec,
                                      size_t n_ctx, size_t d_model, am_error *error) {
    const am_s8_format *format = &exec->kernels->s8.format;
    const size_t n_heads = d_model / AM_HEAD_DIM;
    const size_t padded = padded_ctx(format, n_ctx);
    char none[1];
    am_attention_full_s8 fresh = {
        .n_ctx = n_ctx,
        .d_model = d_model,
        .n_threads = (size_t)am__team_size(exec->team),
        .format = *format,
        .key_bytes = align(padded / format->nr * am__s8_panel_bytes(format, AM_HEAD_DIM)),
        .value_bytes = align(AM_HEAD_DIM / format->nr * am__s8_panel_bytes(format, n_ctx)),
        .piece_bytes = piece_of(format, n_ctx, none).n_bytes,
    };
    am_status status = am__alloc_streamed(n_heads, fresh.key_bytes, &fresh.keys, error);
    if (status == AM_OK) {
        status = am__alloc_streamed(n_heads, fresh.value_bytes, &fresh.values, error);
    }
    if (status == AM_OK) status = AM_NEW(&fresh.key_scale, n_heads * padded, error);
    if (status == AM_OK) status = AM_NEW(&fresh.value_scale, d_model, error);
    if (status == AM_OK) status = AM_NEW(&fresh.value_mean, d_model, error);
    if (status == AM_OK) {
        status = am__alloc_streamed(fresh.n_threads, fresh.piece_bytes, &fresh.pieces, error);
    }
    if (status != AM_OK) {
        am__attention_full_s8_free(&fresh);
        return status;
    }
    *space = fresh;
    return AM_OK;
}

void am__attention_full_s8_free(am_attention_full_s8 *space) {
    am__free(space->keys);
    am__free(space->values);
    am__free(space->key_scale);
    am__free(space->value_scale);
    am__free(space->value_mean);
    am__free(space->pieces);
    *space = (am_attention_full_s8){0};
}

typedef struct attention_job {
    const am_attention_full_s8 *space;
    const am_kernels *kernels;
    const float *qkv;
    float *out;
    size_t n_ctx, ldq; /* ldq = 3 * d_model */
    atomic_size_t next; /* first head or block that nobody has taken */
} attention_job;

static size_t n_heads_of(const attention_job *job) {
    return job->space->d_model / AM_HEAD_DIM;
}

static float *key_scale_of(const attention_job *job, size_t head) {
    const size_t padded = padded_ctx(&job->space->format, job->space->n_ctx);
    return job->space->key_scale + head * padded;
}

static void pack_heads(void *context, size_t part, size_t n_parts) {
    (void)part;
    (void)n_parts;
    attention_job *job = context;
    const am_attention_full_s8 *space = job->space;
    size_t head;
    while ((head = atomic_fetch_add(&job->next, 1)) < n_heads_of(job)) {
        const size_t channel = head * AM_HEAD_DIM;
        const float *keys = job->qkv + space->d_model + channel;
        job->kernels->attn_s8.pack_keys(keys, job->ldq, job->n_ctx,
                                        space->keys + head * space->key_bytes,
                                        key_scale_of(job, head));
        job->kernels->attn_s8.pack_values(keys + space->d_model, job->ldq, job->n_ctx,
                                          space->values + head * space->value_bytes,
                                          space->value_scale + channel,
                                          space->value_mean + channel);
    }
}

/* All row tiles of a block against one panel. */
static void run_panel(const attention_job *job, size_t n_rows, size_t n, size_t k, const char *a,
                      size_t lda, const char *panel, const am_s8_out *out) {
    const size_t mr = job->space->format.mr;
    for (size_t r = 0; r < n_rows; r += mr) {
        am_s8_out rows = *out;
        rows.y += r * out->ldy;
        rows.row_scale += r;
        job->kernels->s8.tile(min_size(mr, n_rows - r), n, k, a + r * lda, lda, panel, &rows);
    }
}

static void attend_block(const attention_job *job, size_t head, size_t row, const piece *own) {
    const am_attention_full_s8 *space = job->space;
    const am_s8_format *format = &space->format;
    const size_t n_rows = min_size(QUERY_ROWS, job->n_ctx - row);
    const size_t lds = padded_ctx(format, space->n_ctx);
    const size_t q_bytes = am__s8_row_bytes(format, AM_HEAD_DIM);
    const size_t p_bytes = am__s8_row_bytes(format, job->n_ctx);
    float row_scale[QUERY_ROWS];
    job->kernels->s8.quantize(n_rows, AM_HEAD_DIM,
                              job->qkv + row * job->ldq + head * AM_HEAD_DIM, job->ldq, own->q,
                              q_bytes, row_scale);
    for (size_t r = 0; r < n_rows; r++) row_scale[r] *= SCORE_SCALE;
    const char *keys = space->keys + head * space->key_bytes;
    for (size_t r = 0; r < n_rows; r += format->mr) {
        job->kernels->s8.scores(min_size(format->mr, n_rows - r), job->n_ctx,
                                own->q + r * q_bytes, q_bytes, keys, key_scale_of(job, head),
                                own->scores + r * lds, lds);
    }
    job->kernels->s8.softmax(n_rows, job->n_ctx, own->scores, lds, row_scale, own->p, p_bytes,
                             row_scale);
    const char *panel = space->values + head * space->value_bytes;
    for (size_t i = 0; i < AM_HEAD_DIM; i += format->nr) {
        const size_t channel = head * AM_HEAD_DIM + i;
        const am_s8_out out = {job->out + row * space->d_model + channel, space->d_model,
                               row_scale, space->value_scale + channel,
                               space->value_mean + channel, false};
        run_panel(job, n_rows, format->nr, job->n_ctx, own->p, p_bytes, panel, &out);
        panel += am__s8_panel_bytes(format, job->n_ctx);
    }
}

static void attend_blocks(void *context, size_t part, size_t n_parts) {
    (void)n_parts;
    attention_job *job = context;
    const am_attention_full_s8 *space = job->space;
    const size_t n_blocks = (job->n_ctx + QUERY_ROWS - 1) / QUERY_ROWS;
    const piece own =
        piece_of(&space->format, space->n_ctx, space->pieces + part * space->piece_bytes);
    size_t item;
    while ((item = atomic_fetch_add(&job->next, 1)) < n_heads_of(job) * n_blocks) {
        attend_block(job, item / n_blocks, item % n_blocks * QUERY_ROWS, &own);
    }
}

void am__attention_full_s8(const am_attention_full_s8 *space, const am_exec *exec,
                           const float *qkv, size_t n_ctx, float *out) {
    attention_job job = {.space = space,
                         .kernels = exec->kernels,
                         .qkv = qkv,
                         .out = out,
                         .n_ctx = n_ctx,
                         .ldq = 3 * space->d_model};
    am__team_run(exec->team, space->n_threads, pack_heads, &job);
    atomic_store(&job.next, 0);
    am__team_run(exec->team, space->n_threads, attend_blocks, &job);
}
