/* Decoder weights and forward pass: see decoder.h. */
#include "decoder/decoder.h"

#include <string.h>

#include "nn/project_s8.h"

typedef struct decoder_layer {
    am_norm attn_norm, cross_norm, mlp_norm;
    am_dense qkv, out, cross_q, cross_kv, cross_out, fc1, fc2;
} decoder_layer;

struct am_decoder {
    am_dims dims;
    const am_kernels *kernels; /* the weights are packed for */
    am_dense projection; /* [n_vocab, d_model]: hidden states to logits; its rows are the tokens'
                          * embeddings */
    float *positions;    /* [n_text_ctx, d_model] */
    decoder_layer *layers;
    am_norm norm;
};

struct am_cross {
    size_t n_ctx;
    float *kv;   /* [n_layers, n_audio_ctx, 2 * d_model]: keys and values side by side; or */
    char *store; /* [n_layers] of cross_bytes: the same in 8 bits */
};

struct am_decoder_space {
    am_kvcache cache;
    float *x;      /* [n_text_ctx, d_model]: the residual stream */
    float *normed; /* [n_text_ctx, d_model] */
    float *wide;   /* [n_text_ctx, 4 * d_model]: qkv, cross queries, or the MLP's hidden layer */
    float *mixed;  /* [n_text_ctx, d_model]: attention output */
    float *chosen; /* [n_logit_rows, d_model]: hidden states whose logits are asked for */
    float *logits; /* [n_logit_rows, n_vocab] */
    am_attention_row *attention; /* [n_text_ctx] */
    am_attention_group *groups;  /* [n_text_ctx]: rows that listen to the same window */
    size_t *n_past;              /* [n_text_ctx]: positions a row attends to, itself included */
    float **capture;             /* [n_text_ctx, n_heads]: see am_attention_row */
};

static am_status load_attention(decoder_layer *layer, const am_model *model, int index,
                                const am_packing *how, am_error *error) {
#define TENSOR(role) am__model_layer(model, true, index, AM_L_##role)
    const am_linear_part qkv[] = {
        {TENSOR(ATTN_Q_W), TENSOR(ATTN_Q_B)},
        {TENSOR(ATTN_K_W), NULL},
        {TENSOR(ATTN_V_W), TENSOR(ATTN_V_B)},
    };
    const am_linear_part cross_kv[] = {
        {TENSOR(CROSS_K_W), NULL},
        {TENSOR(CROSS_V_W), TENSOR(CROSS_V_B)},
    };
    AM_TRY(am__norm_init(&layer->attn_norm, TENSOR(ATTN_LN_W), TENSOR(ATTN_LN_B), error));
    AM_TRY(am__dense_init(&layer->qkv, how->type, how->kernels, qkv, 3, AM_WEIGHT_PLAIN, error));
    AM_TRY(am__dense_load(&layer->out, how, TENSOR(ATTN_O_W), TENSOR(ATTN_O_B), error));
    AM_TRY(am__norm_init(&layer->cross_norm, TENSOR(CROSS_LN_W), TENSOR(CROSS_LN_B), error));
    AM_TRY(am__dense_load(&layer->cross_q, how, TENSOR(CROSS_Q_W), TENSOR(CROSS_Q_B), error));
    /* Read once for a window, not in every step: four bits would gain nothing. */
    AM_TRY(am__dense_init(&layer->cross_kv, am__dense_sensitive(how->type), how->kernels, cross_kv,
                          2, AM_WEIGHT_PLAIN, error));
    return am__dense_load(&layer->cross_out, how, TENSOR(CROSS_O_W), TENSOR(CROSS_O_B), error);
}

static am_status load_mlp(decoder_layer *layer, const am_model *model, int index,
                          const am_packing *how, am_error *error) {
    AM_TRY(am__norm_init(&layer->mlp_norm, TENSOR(MLP_LN_W), TENSOR(MLP_LN_B), error));
    AM_TRY(am__dense_load(&layer->fc1, how, TENSOR(FC1_W), TENSOR(FC1_B), error));
    return am__dense_load(&layer->fc2, how, TENSOR(FC2_W), TENSOR(FC2_B), error);
#undef TENSOR
}

static am_status load_decoder(am_decoder *decoder, const am_model *model, const am_packing *how,
                              am_error *error) {
#define TENSOR(role) am__model_global(model, AM_T_##role)
    const am_dims *dims = &decoder->dims;
    const size_t n_ctx = (size_t)dims->n_text_ctx;
    /* In four bits the logits, of all layers, would lose the most words (decisions/0005). */
    const am_packing sensitive = {am__dense_sensitive(how->type), how->kernels};
    AM_TRY(am__dense_load(&decoder->projection, &sensitive, TENSOR(TOKEN_EMB), NULL, error));
    AM_TRY(AM_NEW_RAW(&decoder->positions, n_ctx * (size_t)dims->d_model, error));
    am__tensor_rows_f32(TENSOR(DEC_POS), 0, n_ctx, decoder->positions);
    AM_TRY(am__norm_init(&decoder->norm, TENSOR(DEC_LN_W), TENSOR(DEC_LN_B), error));
    AM_TRY(AM_NEW(&decoder->layers, (size_t)dims->n_decoder_layers, error));
    for (int i = 0; i < dims->n_decoder_layers; i++) {
        AM_TRY(load_attention(&decoder->layers[i], model, i, how, error));
        AM_TRY(load_mlp(&decoder->layers[i], model, i, how, error));
    }
    return AM_OK;
#undef TENSOR
}

am_status am__decoder_new(const am_model *model, am_compute_type type, const am_kernels *kernels,
                          am_decoder **decoder, am_error *error) {
    const am_packing how = {type, kernels};
    am_decoder *fresh = NULL;
    AM_TRY(AM_NEW(&fresh, 1, error));
    fresh->dims = *am__model_dims(model);
    fresh->kernels = kernels;
    const am_status status = load_decoder(fresh, model, &how, error);
    if (status != AM_OK) {
        am__decoder_free(&fresh);
        return status;
    }
    *decoder = fresh;
    return AM_OK;
}

void am__decoder_free(am_decoder **decoder) {
    am_decoder *old = *decoder;
    if (old == NULL) return;
    for (int i = 0; old->layers != NULL && i < old->dims.n_decoder_layers; i++) {
        decoder_layer *layer = &old->layers[i];
        am_norm *norms[] = {&layer->attn_norm, &layer->cross_norm, &layer->mlp_norm};
        am_dense *denses[] = {&layer->qkv,       &layer->out, &layer->cross_q, &layer->cross_kv,
                                &layer->cross_out, &layer->fc1, &layer->fc2};
        for (size_t n = 0; n < sizeof norms / sizeof *norms; n++) am__norm_free(norms[n]);
        for (size_t n = 0; n < sizeof denses / sizeof *denses; n++) am__dense_free(denses[n]);
    }
    am__free(old->layers);
    am__dense_free(&old->projection);
    am__norm_free(&old->norm);
    am__free(old->positions);
    am__free(old);
    *decoder = NULL;
}

size_t am__decoder_bytes(const am_decoder *decoder) {
    size_t n_bytes = am__dense_bytes(&decoder->projection) +
                     sizeof(float) * (size_t)decoder->dims.n_text_ctx *
                         (size_t)decoder->dims.d_model;
    for (int i = 0; i < decoder->dims.n_decoder_layers; i++) {
        const decoder_layer *layer = &decoder->layers[i];
        n_bytes += am__dense_bytes(&layer->qkv) + am__dense_bytes(&layer->out) +
                   am__dense_bytes(&layer->cross_q) + am__dense_bytes(&layer->cross_kv) +
                   am__dense_bytes(&layer->cross_out) + am__dense_bytes(&layer->fc1) +
                   am__dense_bytes(&layer->fc2);
    }
    return n_bytes;
}

static bool in_s8(const am_decoder *decoder) {
    return decoder->projection.type != AM_COMPUTE_F32;
}

/* What the linear layers need of the workspace. */
static size_t dense_workspace(const am_decoder *decoder, const am_exec *exec) {
    size_t n_bytes = 0;
    am__dense_need(&decoder->projection, exec, &n_bytes);
    for (int i = 0; i < decoder->dims.n_decoder_layers; i++) {
        const decoder_layer *layer = &decoder->layers[i];
        const am_dense *const all[] = {&layer->qkv,       &layer->out, &layer->cross_q,
                                       &layer->cross_kv,  &layer->fc1, &layer->fc2,
                                       &layer->cross_out};
        for (size_t n = 0; n < sizeof all / sizeof *all; n++) {
            am__dense_need(all[n], exec, &n_bytes);
        }
    }
    return (n_bytes + AM_ALIGNMENT - 1) / AM_ALIGNMENT * AM_ALIGNMENT;
}

/* Keys and values of one layer in f32, [n_audio_ctx, 2 * d_model]. */
static size_t layer_floats(const am_dims *dims) {
    return (size_t)dims->n_audio_ctx * 2 * (size_t)dims->d_model;
}

size_t am__decoder_workspace(const am_decoder *decoder, const am_exec *exec) {
    const size_t layers = dense_workspace(decoder, exec);
    if (!in_s8(decoder)) return layers;
    const size_t cross = am__project_s8_workspace(exec, (size_t)decoder->dims.n_audio_ctx,
                                                  (size_t)decoder->dims.d_model);
    return cross > layers ? cross : layers;
}

const am_dims *am__decoder_dims(const am_decoder *decoder) {
    return &decoder->dims;
}

/* One layer's keys and values in 8 bits, of the longest window. */
static size_t cross_bytes(const am_decoder *decoder) {
    return am__attention_s8_bytes(decoder->kernels, (size_t)decoder->dims.n_audio_ctx,
                                  (size_t)decoder->dims.n_heads);
}

/* Keys and values of a window, all layers. */
static size_t window_bytes(const am_decoder *decoder, const am_cross *cross) {
    const size_t d = (size_t)decoder->dims.d_model;
    const size_t layer = in_s8(decoder)
                             ? am__attention_s8_bytes(decoder->kernels, cross->n_ctx,
                                                      (size_t)decoder->dims.n_heads)
                             : cross->n_ctx * 2 * d * sizeof *cross->kv;
    return (size_t)decoder->dims.n_decoder_layers * layer;
}

double am__decoder_step_bytes(const am_decoder *decoder, const am_decoder_row *rows,
                              size_t n_rows) {
    size_t n_bytes = am__dense_bytes(&decoder->projection);
    for (int i = 0; i < decoder->dims.n_decoder_layers; i++) {
        const decoder_layer *layer = &decoder->layers[i];
        n_bytes += am__dense_bytes(&layer->qkv) + am__dense_bytes(&layer->out) +
                   am__dense_bytes(&layer->cross_q) + am__dense_bytes(&layer->cross_out) +
                   am__dense_bytes(&layer->fc1) + am__dense_bytes(&layer->fc2);
    }
    for (size_t r = 0; r < n_rows; r++) {
        if (r == 0 || rows[r].cross != rows[r - 1].cross) {
            n_bytes += window_bytes(decoder, rows[r].cross);
        }
    }
    return (double)n_bytes;
}

am_status am__cross_new(const am_decoder *decoder, am_cross **cross, am_error *error) {
    const size_t n_layers = (size_t)decoder->dims.n_decoder_layers;
    am_cross *fresh = NULL;
    AM_TRY(AM_NEW(&fresh, 1, error));
    const am_status status =
        in_s8(decoder)
            ? AM_NEW_STREAMED(&fresh->store, n_layers * cross_bytes(decoder), error)
            : AM_NEW_STREAMED(&fresh->kv, n_layers * layer_floats(&decoder->dims), error);
    if (status != AM_OK) {
        am__cross_free(&fresh);
        return status;
    }
    *cross = fresh;
    return AM_OK;
}

void am__cross_free(am_cross **cross) {
    if (*cross == NULL) return;
    am__free((*cross)->kv);
    am__free((*cross)->store);
    am__free(*cross);
    *cross = NULL;
}

void am__cross_run(const am_decoder *decoder, const am_exec *exec, const float *states,
                   size_t n_ctx, am_cross *cross) {
    const size_t d = (size_t)decoder->dims.d_model;
    const bool packed = in_s8(decoder);
    cross->n_ctx = n_ctx;
    if (packed) am__project_s8_begin(exec, states, n_ctx, d, exec->workspace);
    for (size_t i = 0; i < (size_t)decoder->dims.n_decoder_layers; i++) {
        const am_dense *dense = &decoder->layers[i].cross_kv;
        if (packed) {
            am__project_s8_layer(exec, &dense->as.s8, n_ctx, exec->workspace,
                                 cross->store + i * cross_bytes(decoder));
        } else {
            am__dense_run(dense, exec, states, d, n_ctx,
                          cross->kv + i * layer_floats(&decoder->dims), 2 * d, AM_EPILOGUE_NONE);
        }
    }
}

am_status am__decoder_space_new(const am_decoder *decoder, size_t n_cells, size_t n_logit_rows,
                                am_decoder_space **space, am_error *error) {
    const am_dims *dims = &decoder->dims;
    const size_t n_rows = (size_t)dims->n_text_ctx;
    const size_t d = (size_t)dims->d_model;
    am_decoder_space *fresh = NULL;
    AM_TRY(AM_NEW(&fresh, 1, error));
    am_status status = AM_OK;
    AM_TRY_DONE(am__kvcache_init(&fresh->cache, (size_t)dims->n_decoder_layers, n_cells, d,
                                 in_s8(decoder), error));
    /* Room for a long prompt, of which a step of some windows touches little. */
    AM_TRY_DONE(AM_NEW_RAW(&fresh->x, n_rows * d, error));
    AM_TRY_DONE(AM_NEW_RAW(&fresh->normed, n_rows * d, error));
    AM_TRY_DONE(AM_NEW_RAW(&fresh->wide, n_rows * (size_t)dims->d_ff, error));
    AM_TRY_DONE(AM_NEW_RAW(&fresh->mixed, n_rows * d, error));
    AM_TRY_DONE(AM_NEW(&fresh->chosen, n_logit_rows * d, error));
    AM_TRY_DONE(AM_NEW_RAW(&fresh->logits, n_logit_rows * (size_t)dims->n_vocab, error));
    AM_TRY_DONE(AM_NEW(&fresh->attention, n_rows, error));
    AM_TRY_DONE(AM_NEW(&fresh->groups, n_rows, error));
    AM_TRY_DONE(AM_NEW(&fresh->n_past, n_rows, error));
    AM_TRY_DONE(AM_NEW(&fresh->capture, n_rows * (size_t)dims->n_heads, error));
    *space = fresh;
    return AM_OK;
done:
    am__decoder_space_free(&fresh);
    return status;
}

void am__decoder_space_free(am_decoder_space **space) {
    am_decoder_space *old = *space;
    if (old == NULL) return;
    am__kvcache_free(&old->cache);
    am__free(old->x);
    am__free(old->normed);
    am__free(old->wide);
    am__free(old->mixed);
    am__free(old->chosen);
    am__free(old->logits);
    am__free(old->attention);
    am__free(old->groups);
    am__free(old->n_past);
    am__free(old->capture);
    am__free(old);
    *space = NULL;
}

am_kvcache *am__decoder_cache(am_decoder_space *space) {
    return &space->cache;
}

/* Position of each row is the end of its sequence; afterwards every row's sequence includes it. */
static am_status embed(const am_decoder *decoder, const am_exec *exec, am_decoder_space *space,
                       const am_decoder_row *rows, size_t n_rows, am_error *error) {
    const size_t d = (size_t)decoder->dims.d_model;
    for (size_t r = 0; r < n_rows; r++) {
        float *x = space->x + r * d;
        const size_t position = rows[r].sequence->n;
        AM_TRY(am__kvcache_append(&space->cache, rows[r].sequence, error));
        space->n_past[r] = position + 1;
        const size_t token = (size_t)rows[r].token;
        am__dense_weight_row(&decoder->projection, exec->kernels, token, x);
        exec->kernels->add_f32(x, decoder->positions + position * d, d);
    }
    return AM_OK;
}

static void self_attention(const decoder_layer *layer, size_t index, const am_exec *exec,
                           am_decoder_space *space, const am_decoder_row *rows, size_t n_rows) {
    const am_kvcache *cache = &space->cache;
    const size_t d = cache->d_model;
    am__norm_run(&layer->attn_norm, exec, space->x, n_rows, space->normed);
    am__dense_run(&layer->qkv, exec, space->normed, d, n_rows, space->wide, 3 * d,
                   AM_EPILOGUE_NONE);
    for (size_t r = 0; r < n_rows; r++) {
        const float *qkv = space->wide + r * 3 * d;
        const size_t cell = (size_t)rows[r].sequence->cells[space->n_past[r] - 1];
        am__kvcache_put(cache, exec->kernels, index, cell, qkv + d, qkv + 2 * d);
        space->attention[r] = (am_attention_row){
            .query = qkv,
            .keys = am__kvcache_keys(cache, index),
            .values = am__kvcache_values(cache, index),
            .half = cache->half,
            .stride = d,
            .rows = rows[r].sequence->cells,
            .n = space->n_past[r],
            .out = space->mixed + r * d,
        };
    }
    am__attention_rows(exec, space->attention, n_rows, d / AM_HEAD_DIM);
    am__dense_run(&layer->out, exec, space->mixed, d, n_rows, space->x, d, AM_EPILOGUE_ADD);
}

/* Points each row's capture entries of this layer at their place in the caller's buffer. */
static void aim_capture(const am_score_capture *capture, size_t layer, am_decoder_space *space,
                        size_t n_rows, size_t n_heads) {
    memset(space->capture, 0, n_rows * n_heads * sizeof *space->capture);
    for (size_t i = 0; i < capture->n_heads; i++) {
        if ((size_t)capture->heads[i].layer != layer) continue;
        for (size_t r = 0; r < n_rows; r++) {
            space->capture[r * n_heads + (size_t)capture->heads[i].head] =
                capture->scores + (i * n_rows + r) * capture->n_ctx;
        }
    }
}

/* The cross-attention of one layer in f32: every row by itself. */
static void listen_f32(const am_decoder *decoder, size_t index, const am_exec *exec,
                       am_decoder_space *space, const am_decoder_row *rows, size_t n_rows,
                       bool captures) {
    const size_t d = (size_t)decoder->dims.d_model;
    const size_t n_heads = (size_t)decoder->dims.n_heads;
    for (size_t r = 0; r < n_rows; r++) {
        const am_cross *cross = rows[r].cross;
        const float *kv = cross->kv + index * layer_floats(&decoder->dims);
        space->attention[r] = (am_attention_row){
            .query = space->wide + r * d,
            .keys = kv,
            .values = kv + d,
            .stride = 2 * d,
            .n = cross->n_ctx,
            .out = space->mixed + r * d,
            .capture = captures ? space->capture + r * n_heads : NULL,
        };
    }
    am__attention_rows(exec, space->attention, n_rows, n_heads);
}

/* In 8 bits: neighbouring rows of one window share its keys and values. */
static void listen_s8(const am_decoder *decoder, size_t index, const am_exec *exec,
                      am_decoder_space *space, const am_decoder_row *rows, size_t n_rows,
                      bool captures) {
    const size_t d = (size_t)decoder->dims.d_model;
    const size_t n_heads = (size_t)decoder->dims.n_heads;
    size_t n_groups = 0;
    for (size_t r = 0; r < n_rows; r++) {
        const am_cross *cross = rows[r].cross;
        if (r > 0 && rows[r - 1].cross == cross) {
            space->groups[n_groups - 1].n_rows++;
            continue;
        }
        space->groups[n_groups++] = (am_attention_group){
            .store = cross->store + index * cross_bytes(decoder),
            .n_ctx = cross->n_ctx,
            .queries = space->wide + r * d,
            .out = space->mixed + r * d,
            .n_rows = 1,
            .capture = captures ? space->capture + r * n_heads : NULL,
        };
    }
    am__attention_s8_run(exec, space->groups, n_groups, n_heads);
}

static void cross_attention(const am_decoder *decoder, size_t index, const am_exec *exec,
                            am_decoder_space *space, const am_decoder_row *rows, size_t n_rows,
                            const am_score_capture *capture) {
    const decoder_layer *layer = &decoder->layers[index];
    const size_t d = (size_t)decoder->dims.d_model;
    const size_t n_heads = (size_t)decoder->dims.n_heads;
    am__norm_run(&layer->cross_norm, exec, space->x, n_rows, space->normed);
    am__dense_run(&layer->cross_q, exec, space->normed, d, n_rows, space->wide, d,
                   AM_EPILOGUE_NONE);
    if (capture != NULL) aim_capture(capture, index, space, n_rows, n_heads);
    if (in_s8(decoder)) {
        listen_s8(decoder, index, exec, space, rows, n_rows, capture != NULL);
    } else {
        listen_f32(decoder, index, exec, space, rows, n_rows, capture != NULL);
    }
    am__dense_run(&layer->cross_out, exec, space->mixed, d, n_rows, space->x, d, AM_EPILOGUE_ADD);
}

am_status am__decoder_run(const am_decoder *decoder, const am_exec *exec, am_decoder_space *space,
                          const am_decoder_row *rows, size_t n_rows,
                          const am_score_capture *capture, am_error *error) {
    const size_t d = (size_t)decoder->dims.d_model;
    const size_t d_ff = (size_t)decoder->dims.d_ff;
    AM_TRY(embed(decoder, exec, space, rows, n_rows, error));
    for (size_t i = 0; i < (size_t)decoder->dims.n_decoder_layers; i++) {
        const decoder_layer *layer = &decoder->layers[i];
        self_attention(layer, i, exec, space, rows, n_rows);
        cross_attention(decoder, i, exec, space, rows, n_rows, capture);
        am__norm_run(&layer->mlp_norm, exec, space->x, n_rows, space->normed);
        am__dense_run(&layer->fc1, exec, space->normed, d, n_rows, space->wide, d_ff,
                       AM_EPILOGUE_GELU);
        am__dense_run(&layer->fc2, exec, space->wide, d_ff, n_rows, space->x, d, AM_EPILOGUE_ADD);
    }
    am__norm_run(&decoder->norm, exec, space->x, n_rows, space->normed);
    return AM_OK;
}

float *am__decoder_logits(const am_decoder *decoder, const am_exec *exec, am_decoder_space *space,
                          const size_t *rows, size_t n) {
    const size_t d = (size_t)decoder->dims.d_model;
    for (size_t i = 0; i < n; i++) {
        memcpy(space->chosen + i * d, space->normed + rows[i] * d, d * sizeof *space->chosen);
    }
    am__dense_run(&decoder->projection, exec, space->chosen, d, n, space->logits,
                   (size_t)decoder->dims.n_vocab, AM_EPILOGUE_NONE);
    return space->logits;
}
