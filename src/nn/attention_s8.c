/*
 * Driver of 8-bit attention: see attention_s8.h.
 *
 * Memory of a head: its panels of keys and of values, one behind the other, so that a step reads
 * them as one stream; then the scales of its keys, and those of its values with their means.
 */
#include "nn/attention_s8.h"

#include <stdint.h>
#include <string.h>

#define SCALE 0.125f /* 1 / sqrt(AM_HEAD_DIM) */
#define BLOCK 6      /* rows at once: their weights, in two rows each, fill the widest tile */
#define NR_MAX 64
#define PARTS_PER_THREAD 4

static size_t min_size(size_t a, size_t b) {
    return a < b ? a : b;
}

static size_t round_up(size_t n, size_t to) {
    return (n + to - 1) / to * to;
}

/* One head's parts. */
typedef struct head_view {
    char *keys, *values;
    size_t key_bytes, value_bytes; /* of a panel */
    float *key_scales;             /* [padded n_ctx] */
    float *value_scales;           /* [64] */
    float *half_means;             /* [64]: added twice, with the weights' high and low halves */
} head_view;

static size_t head_bytes(const am_s8_format *format, size_t n_ctx) {
    const size_t padded = round_up(n_ctx, format->nr);
    return round_up(padded / format->nr * am__s8_panel_bytes(format, AM_HEAD_DIM) +
                        AM_HEAD_DIM / format->nr * am__s8_panel_bytes(format, n_ctx) +
                        (padded + 2 * AM_HEAD_DIM) * sizeof(float),
                    AM_ALIGNMENT);
}

static head_view view_of(const am_s8_format *format, size_t n_ctx, const void *store,
                         size_t head) {
    const size_t padded = round_up(n_ctx, format->nr);
    head_view view = {.keys = (char *)(uintptr_t)store + head * head_bytes(format, n_ctx),
                      .key_bytes = am__s8_panel_bytes(format, AM_HEAD_DIM),
                      .value_bytes = am__s8_panel_bytes(format, n_ctx)};
    view.values = view.keys + padded / format->nr * view.key_bytes;
    void *floats = view.values + AM_HEAD_DIM / format->nr * view.value_bytes;
    view.key_scales = floats;
    view.value_scales = view.key_scales + padded;
    view.half_means = view.value_scales + AM_HEAD_DIM;
    return view;
}

size_t am__attention_s8_bytes(const am_kernels *kernels, size_t n_ctx, size_t n_heads) {
    return n_heads * head_bytes(&kernels->s8.format, n_ctx);
}

/* ---- Packing ------------------------------------------------------------------------------- */

void am__attention_s8_pack_keys(const am_kernels *kernels, const float *keys, size_t ldk,
                                size_t n_ctx, size_t head, void *store) {
    const head_view view = view_of(&kernels->s8.format, n_ctx, store, head);
    kernels->attn_s8.pack_keys(keys, ldk, n_ctx, view.keys, view.key_scales);
}

void am__attention_s8_pack_values(const am_kernels *kernels, const float *values, size_t ldv,
                                  size_t n_ctx, size_t head, void *store) {
    const head_view view = view_of(&kernels->s8.format, n_ctx, store, head);
    kernels->attn_s8.pack_values(values, ldv, n_ctx, view.values, view.value_scales,
                                 view.half_means);
    for (size_t i = 0; i < AM_HEAD_DIM; i++) view.half_means[i] *= 0.5f;
}

/* ---- A step -------------------------------------------------------------------------------- */

typedef struct step_job {
    const am_kernels *kernels;
    const am_attention_group *groups;
    size_t n_groups, n_heads;
} step_job;

/* What the rows of one block need beside their inputs and outputs. */
typedef struct block_space {
    _Alignas(AM_ALIGNMENT) float scores[BLOCK][AM_AUDIO_CTX_MAX + NR_MAX];
    _Alignas(AM_ALIGNMENT) int16_t weights[2 * BLOCK][AM_AUDIO_CTX_MAX + AM_ALIGNMENT];
    _Alignas(AM_ALIGNMENT) float mixed[2 * BLOCK][AM_HEAD_DIM];
    _Alignas(AM_ALIGNMENT) int16_t queries[BLOCK][2 * AM_HEAD_DIM];
} block_space;

/* A product of m rows and one panel, whose columns are scaled and shifted; in tiles. */
static void multiply(const am_kernels *kernels, size_t m, size_t n, size_t k, const void *a,
                     size_t lda, const char *panel, const am_s8_out *out) {
    const size_t mr = kernels->s8.format.mr;
    for (size_t r = 0; r < m; r += mr) {
        am_s8_out part = *out;
        part.y += r * out->ldy;
        part.row_scale += r;
        kernels->s8.tile(min_size(mr, m - r), n, k, (const char *)a + r * lda, lda, panel, &part);
    }
}

/* Scaled scores of n_rows queries against all keys. */
static void score(const am_kernels *kernels, const head_view *view, const float *queries,
                  size_t ldq, size_t n_rows, size_t n_ctx, block_space *space) {
    static const float zeros[NR_MAX] = {0};
    const size_t nr = kernels->s8.format.nr;
    float row_scale[BLOCK];
    kernels->s8.quantize(n_rows, AM_HEAD_DIM, queries, ldq, space->queries,
                         sizeof space->queries[0], row_scale);
    for (size_t r = 0; r < n_rows; r++) row_scale[r] *= SCALE;
    const char *panel = view->keys;
    for (size_t t = 0; t < n_ctx; t += nr, panel += view->key_bytes) {
        const am_s8_out out = {.y = space->scores[0] + t,
                               .ldy = sizeof space->scores[0] / sizeof(float),
                               .row_scale = row_scale,
                               .column_scale = view->key_scales + t,
                               .bias = zeros};
        multiply(kernels, n_rows, min_size(nr, n_ctx - t), AM_HEAD_DIM, space->queries,
                 sizeof space->queries[0], panel, &out);
    }
}

/* Softmax of the scores and the sum of values it weighs. */
static void mix(const am_kernels *kernels, const head_view *view, size_t n_rows, size_t n_ctx,
                float *out, size_t ldo, block_space *space) {
    const size_t nr = kernels->s8.format.nr;
    float row_scale[2 * BLOCK];
    for (size_t r = 0; r < n_rows; r++) {
        const float sum = (float)kernels->attn_s8.weights(
            space->scores[r], n_ctx, space->weights[2 * r], space->weights[2 * r + 1]);
        row_scale[2 * r] = 256 / sum;
        row_scale[2 * r + 1] = 1 / sum;
    }
    const char *panel = view->values;
    for (size_t i = 0; i < AM_HEAD_DIM; i += nr, panel += view->value_bytes) {
        const am_s8_out mixed = {.y = space->mixed[0] + i,
                                 .ldy = AM_HEAD_DIM,
                                 .row_scale = row_scale,
                                 .column_scale = view->value_scales + i,
                                 .bias = view->half_means + i};
        multiply(kernels, 2 * n_rows, nr, n_ctx, space->weights, sizeof space->weights[0], panel,
                 &mixed);
    }
    for (size_t r = 0; r < n_rows; r++) {
        for (size_t i = 0; i < AM_HEAD_DIM; i++) {
            out[r * ldo + i] = space->mixed[2 * r][i] + space->mixed[2 * r + 1][i];
        }
    }
}

static void attend(const step_job *job, const am_attention_group *group, size_t head,
                   block_space *space) {
    const am_kernels *kernels = job->kernels;
    const size_t d_model = job->n_heads * AM_HEAD_DIM;
    const size_t at = head * AM_HEAD_DIM;
    const head_view view = view_of(&kernels->s8.format, group->n_ctx, group->store, head);
    for (size_t row = 0; row < group->n_rows; row += BLOCK) {
        const size_t n_rows = min_size(BLOCK, group->n_rows - row);
        score(kernels, &view, group->queries + row * d_model + at, d_model, n_rows, group->n_ctx,
              space);
        for (size_t r = 0; group->capture != NULL && r < n_rows; r++) {
            float *kept = group->capture[(row + r) * job->n_heads + head];
            if (kept != NULL) memcpy(kept, space->scores[r], group->n_ctx * sizeof *kept);
        }
        mix(kernels, &view, n_rows, group->n_ctx, group->out + row * d_model + at, d_model, space);
    }
}

static void attend_items(void *context, size_t part, size_t n_parts) {
    const step_job *job = context;
    const size_t n_items = job->n_groups * job->n_heads;
    const size_t end = n_items * (part + 1) / n_parts;
    block_space space;
    for (size_t item = n_items * part / n_parts; item < end; item++) {
        attend(job, &job->groups[item / job->n_heads], item % job->n_heads, &space);
    }
}

void am__attention_s8_run(const am_exec *exec, const am_attention_group *groups, size_t n_groups,
                          size_t n_heads) {
    step_job job = {exec->kernels, groups, n_groups, n_heads};
    const size_t n_shares = (size_t)am__team_size(exec->team) * PARTS_PER_THREAD;
    am__team_run(exec->team, min_size(n_groups * n_heads, n_shares), attend_items, &job);
}
