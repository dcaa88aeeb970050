/*
 * Encoder layers in 8-bit integers: see layer.h.
 *
 * DESIGN. Between two attentions every row goes its own way: output projection, sum, norm, MLP,
 * sum, and the next layer's norm and projection to queries, keys and values. So a thread takes a
 * block of rows through all of that at once, and what lies between (quantised rows, the hidden
 * layer of the MLP, the norms) never leaves its L2. Weights stream past each block: blocks are as
 * large as L2 lets them be.
 */
#include "encoder/layer.h"

#include <stdatomic.h>

#define HIDDEN_BYTES ((size_t)400 << 10) /* of a block: less than half of the smallest L2 in use */
#define ROWS_MIN 24
#define ROWS_MAX 96

static size_t align(size_t n) {
    return (n + AM_ALIGNMENT - 1) / AM_ALIGNMENT * AM_ALIGNMENT;
}

/* What a thread works in. */
typedef struct block_space {
    char *q;       /* [n_rows] quantised rows of up to d_ff values */
    float *row;    /* [d_ff] one of them before */
    float *hidden; /* [n_rows, d_ff], or rows of norms */
    char *wide;    /* a panel, expanded */
    size_t n_bytes;
} block_space;

static block_space block_space_of(const am_s8_format *format, size_t n_rows, size_t d_ff,
                                  char *at) {
    block_space out = {.q = at};
    char *next = at + align(n_rows * am__s8_row_bytes(format, d_ff));
    out.row = (float *)(void *)next;
    next += align(d_ff * sizeof(float));
    out.hidden = (float *)(void *)next;
    out.wide = next + align(n_rows * d_ff * sizeof(float));
    out.n_bytes = (size_t)(out.wide - at) + align(am__s8_wide_bytes(format, d_ff));
    return out;
}

static size_t block_rows(size_t d_ff) {
    const size_t n = HIDDEN_BYTES / (d_ff * sizeof(float)) / ROWS_MIN * ROWS_MIN;
    return n < ROWS_MIN ? ROWS_MIN : (n > ROWS_MAX ? ROWS_MAX : n);
}

am_status am__layers_s8_space_init(am_layers_s8_space *space, const am_exec *exec, size_t n_ctx,
                                   size_t d_model, size_t d_ff, am_error *error) {
    char none[1];
    am_layers_s8_space fresh = {
        .n_ctx = n_ctx, .d_model = d_model, .d_ff = d_ff, .n_rows = block_rows(d_ff)};
    fresh.piece_bytes =
        block_space_of(&exec->kernels->s8.format, fresh.n_rows, d_ff, none).n_bytes;
    am_status status = AM_NEW_STREAMED(&fresh.qkv, n_ctx * 3 * d_model, error);
    if (status == AM_OK) status = AM_NEW_STREAMED(&fresh.mixed, n_ctx * d_model, error);
    if (status == AM_OK) {
        status = am__alloc_streamed((size_t)am__team_size(exec->team), fresh.piece_bytes,
                               &fresh.pieces, error);
    }
    if (status == AM_OK) {
        status = am__attention_full_s8_init(&fresh.attention, exec, n_ctx, d_model, error);
    }
    if (status != AM_OK) {
        am__layers_s8_space_free(&fresh);
        return status;
    }
    *space = fresh;
    return AM_OK;
}

void am__layers_s8_space_free(am_layers_s8_space *space) {
    am__free(space->qkv);
    am__free(space->mixed);
    am__free(space->pieces);
    am__attention_full_s8_free(&space->attention);
    *space = (am_layers_s8_space){0};
}

typedef struct block_job {
    const am_encoder_layer *layer; /* whose attention is done, NULL before the first */
    const am_encoder_layer *next;  /* whose queries, keys and values are wanted, or NULL: */
    const am_norm *last;           /* the norm behind all layers */
    const am_kernels *kernels;
    am_layers_s8_space *space;
    float *x, *y;
    size_t n_ctx;
    atomic_size_t taken;           /* first row that nobody has taken */
} block_job;

typedef struct block {
    const block_job *job;
    block_space space;
    size_t row, n;
    float row_scale[ROWS_MAX];
} block;

/* Quantises the block's rows of x, ldx apart, for the next product. */
static void quantize(block *b, const float *x, size_t n) {
    am__linear_s8_quantize(b->job->kernels, b->n, n, x, n, b->space.q, b->row_scale, b->space.row);
}

/* y (+)= product of the quantised rows. */
static void multiply(block *b, const am_dense *dense, float *y, bool accumulate) {
    const am_linear_s8 *linear = &dense->as.s8;
    am__linear_s8_rows(linear, b->job->kernels, b->space.q, b->row_scale, b->n, y, linear->n_out,
                       accumulate, b->space.wide);
}

static void normalize(const block *b, const am_norm *norm, const float *x, float *y) {
    for (size_t r = 0; r < b->n; r++) {
        b->job->kernels->layernorm_f32(y + r * norm->n, x + r * norm->n, norm->gamma, norm->beta,
                                       norm->n);
    }
}

/* What follows a layer's attention. */
static void finish_layer(block *b, float *x) {
    const block_job *job = b->job;
    const size_t d = job->space->d_model;
    const size_t d_ff = job->space->d_ff;
    quantize(b, job->space->mixed + b->row * d, d);
    multiply(b, &job->layer->out, x, true);
    normalize(b, &job->layer->mlp_norm, x, b->space.hidden);
    quantize(b, b->space.hidden, d);
    multiply(b, &job->layer->fc1, b->space.hidden, false);
    job->kernels->gelu_f32(b->space.hidden, b->space.hidden, b->n * d_ff);
    quantize(b, b->space.hidden, d_ff);
    multiply(b, &job->layer->fc2, x, true);
}

static void run_blocks(void *context, size_t part, size_t n_parts) {
    (void)n_parts;
    block_job *job = context;
    am_layers_s8_space *space = job->space;
    const size_t d = space->d_model;
    block b = {.job = job,
               .space = block_space_of(&job->kernels->s8.format, space->n_rows, space->d_ff,
                                       space->pieces + part * space->piece_bytes)};
    while ((b.row = atomic_fetch_add(&job->taken, space->n_rows)) < job->n_ctx) {
        const size_t left = job->n_ctx - b.row;
        float *x = job->x + b.row * d;
        b.n = left < space->n_rows ? left : space->n_rows;
        if (job->layer != NULL) finish_layer(&b, x);
        if (job->next != NULL) {
            normalize(&b, &job->next->attn_norm, x, b.space.hidden);
            quantize(&b, b.space.hidden, d);
            multiply(&b, &job->next->qkv, space->qkv + b.row * 3 * d, false);
        } else {
            normalize(&b, job->last, x, job->y + b.row * d);
        }
    }
}

void am__layers_s8_run(const am_encoder_layer *layers, size_t n_layers, const am_norm *last,
                       const am_exec *exec, am_layers_s8_space *space, float *x, size_t n_ctx,
                       float *y) {
    for (size_t i = 0; i <= n_layers; i++) {
        block_job job = {.layer = i > 0 ? &layers[i - 1] : NULL,
                         .next = i < n_layers ? &layers[i] : NULL,
                         .last = last,
                         .kernels = exec->kernels,
                         .space = space,
                         .x = x,
                         .y = y,
                         .n_ctx = n_ctx};
        if (i > 0) {
            am__attention_full_s8(&space->attention, exec, space->qkv, n_ctx, space->mixed);
        }
        am__team_run(exec->team, (size_t)am__team_size(exec->team), run_blocks, &job);
    }
}
