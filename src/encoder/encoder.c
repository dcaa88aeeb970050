/*
 * Encoder: see encoder.h.
 *
 * Both convolutions are linear layers over overlapping rows: with frames as rows, three
 * consecutive frames are one row of the im2col matrix as they lie in memory, so conv1 reads its
 * input with a row distance of one frame and conv2 (stride 2) with two. One zero row on each side
 * is the padding.
 */
#include "encoder/encoder.h"

#include <string.h>

#include "encoder/layer.h"

struct am_encoder {
    am_dims dims;
    am_compute_type type;
    am_linear conv1;
    am_dense conv2;
    float *positions; /* [n_audio_ctx, d_model] */
    am_encoder_layer *layers;
    am_norm norm;
};

struct am_encoder_space {
    float *frames; /* [1 + 2 * n_ctx + 1, n_mels] */
    float *x;      /* [n_ctx, d_model]: the residual stream */
    float *conv;   /* [1 + 2 * n_ctx + 1, d_model]: lies where the layers' qkv do later */
    float *normed; /* [n_ctx, d_model]: of 8-bit layers only the last, where qkv have been */
    am_layers_s8_space layers_s8; /* of 8-bit layers; of f32 ones: */
    float *wide;   /* [n_ctx, 4 * d_model]: qkv, or the MLP's hidden layer */
    float *mixed;  /* [n_ctx, d_model]: attention output */
    am_attention_space attention;
    am_encoder_probe_fn *probe; /* NULL, or called before every attention */
    void *probe_context;
};

/* The first convolution stays in f32: 1 % of the work, and all that follows builds on it. */
static am_status load_convolutions(am_encoder *encoder, const am_model *model,
                                   const am_packing *how, am_error *error) {
#define TENSOR(role) am__model_global(model, AM_T_##role)
    const am_linear_part conv1 = {TENSOR(CONV1_W), TENSOR(CONV1_B)};
    const am_linear_part conv2 = {TENSOR(CONV2_W), TENSOR(CONV2_B)};
    AM_TRY(am__linear_init(&encoder->conv1, how->kernels, &conv1, 1, AM_WEIGHT_CONV3, error));
    return am__dense_init(&encoder->conv2, how->type, how->kernels, &conv2, 1, AM_WEIGHT_CONV3,
                          error);
#undef TENSOR
}

static am_status load_layer(am_encoder_layer *layer, const am_model *model, int index,
                            const am_packing *how, am_error *error) {
#define TENSOR(role) am__model_layer(model, false, index, AM_L_##role)
    const am_linear_part qkv[] = {
        {TENSOR(ATTN_Q_W), TENSOR(ATTN_Q_B)},
        {TENSOR(ATTN_K_W), NULL},
        {TENSOR(ATTN_V_W), TENSOR(ATTN_V_B)},
    };
    AM_TRY(am__norm_init(&layer->attn_norm, TENSOR(ATTN_LN_W), TENSOR(ATTN_LN_B), error));
    AM_TRY(am__norm_init(&layer->mlp_norm, TENSOR(MLP_LN_W), TENSOR(MLP_LN_B), error));
    AM_TRY(am__dense_init(&layer->qkv, how->type, how->kernels, qkv, 3, AM_WEIGHT_PLAIN, error));
    AM_TRY(am__dense_load(&layer->out, how, TENSOR(ATTN_O_W), TENSOR(ATTN_O_B), error));
    AM_TRY(am__dense_load(&layer->fc1, how, TENSOR(FC1_W), TENSOR(FC1_B), error));
    return am__dense_load(&layer->fc2, how, TENSOR(FC2_W), TENSOR(FC2_B), error);
#undef TENSOR
}

static am_status load_encoder(am_encoder *encoder, const am_model *model, const am_packing *how,
                              am_error *error) {
#define TENSOR(role) am__model_global(model, AM_T_##role)
    const am_dims *dims = &encoder->dims;
    const size_t n_ctx = (size_t)dims->n_audio_ctx;
    AM_TRY(load_convolutions(encoder, model, how, error));
    AM_TRY(AM_NEW_RAW(&encoder->positions, n_ctx * (size_t)dims->d_model, error));
    am__tensor_rows_f32(TENSOR(ENC_POS), 0, n_ctx, encoder->positions);
    AM_TRY(am__norm_init(&encoder->norm, TENSOR(ENC_LN_W), TENSOR(ENC_LN_B), error));
    AM_TRY(AM_NEW(&encoder->layers, (size_t)dims->n_encoder_layers, error));
    for (int i = 0; i < dims->n_encoder_layers; i++) {
        AM_TRY(load_layer(&encoder->layers[i], model, i, how, error));
    }
    return AM_OK;
#undef TENSOR
}

am_status am__encoder_new(const am_model *model, am_compute_type type, const am_kernels *kernels,
                          am_encoder **encoder, am_error *error) {
    /* Four bits would gain no time, the encoder is bound by arithmetic, and cost words. */
    const am_packing how = {am__dense_sensitive(type), kernels};
    am_encoder *fresh = NULL;
    AM_TRY(AM_NEW(&fresh, 1, error));
    fresh->dims = *am__model_dims(model);
    fresh->type = type;
    const am_status status = load_encoder(fresh, model, &how, error);
    if (status != AM_OK) {
        am__encoder_free(&fresh);
        return status;
    }
    *encoder = fresh;
    return AM_OK;
}

void am__encoder_free(am_encoder **encoder) {
    am_encoder *old = *encoder;
    if (old == NULL) return;
    for (int i = 0; old->layers != NULL && i < old->dims.n_encoder_layers; i++) {
        am_encoder_layer *layer = &old->layers[i];
        am__norm_free(&layer->attn_norm);
        am__norm_free(&layer->mlp_norm);
        am__dense_free(&layer->qkv);
        am__dense_free(&layer->out);
        am__dense_free(&layer->fc1);
        am__dense_free(&layer->fc2);
    }
    am__free(old->layers);
    am__linear_free(&old->conv1);
    am__dense_free(&old->conv2);
    am__norm_free(&old->norm);
    am__free(old->positions);
    am__free(old);
    *encoder = NULL;
}

size_t am__encoder_bytes(const am_encoder *encoder) {
    size_t n_bytes = am__linear_bytes(&encoder->conv1) + am__dense_bytes(&encoder->conv2) +
                     sizeof(float) * (size_t)encoder->dims.n_audio_ctx *
                         (size_t)encoder->dims.d_model;
    for (int i = 0; i < encoder->dims.n_encoder_layers; i++) {
        const am_encoder_layer *layer = &encoder->layers[i];
        n_bytes += am__dense_bytes(&layer->qkv) + am__dense_bytes(&layer->out) +
                   am__dense_bytes(&layer->fc1) + am__dense_bytes(&layer->fc2);
    }
    return n_bytes;
}

size_t am__encoder_workspace(const am_encoder *encoder, const am_exec *exec) {
    size_t n_bytes = 0;
    am__dense_need(&encoder->conv2, exec, &n_bytes);
    for (int i = 0; i < encoder->dims.n_encoder_layers; i++) {
        const am_encoder_layer *layer = &encoder->layers[i];
        const am_dense *const all[] = {&layer->qkv, &layer->out, &layer->fc1, &layer->fc2};
        for (size_t n = 0; n < sizeof all / sizeof *all; n++) {
            am__dense_need(all[n], exec, &n_bytes);
        }
    }
    return n_bytes;
}

am_status am__encoder_space_new(const am_encoder *encoder, const am_exec *exec,
                                am_encoder_space **space, am_error *error) {
    const size_t n_ctx = (size_t)encoder->dims.n_audio_ctx;
    const size_t d = (size_t)encoder->dims.d_model;
    const size_t d_ff = (size_t)encoder->dims.d_ff;
    am_encoder_space *fresh = NULL;
    AM_TRY(AM_NEW(&fresh, 1, error));
    am_status status = AM_OK;
    AM_TRY_DONE(AM_NEW(&fresh->frames, (2 * n_ctx + 2) * (size_t)encoder->dims.n_mels, error));
    AM_TRY_DONE(AM_NEW_STREAMED(&fresh->x, n_ctx * d, error));
    if (encoder->type != AM_COMPUTE_F32) {
        AM_TRY_DONE(am__layers_s8_space_init(&fresh->layers_s8, exec, n_ctx, d, d_ff, error));
        fresh->conv = fresh->normed = fresh->layers_s8.qkv;
    } else {
        AM_TRY_DONE(AM_NEW(&fresh->wide, n_ctx * d_ff, error));
        AM_TRY_DONE(AM_NEW(&fresh->normed, n_ctx * d, error));
        fresh->conv = fresh->wide;
        AM_TRY_DONE(AM_NEW(&fresh->mixed, n_ctx * d, error));
        AM_TRY_DONE(am__attention_space_init(&fresh->attention, exec, n_ctx, d, error));
    }
    *space = fresh;
    return AM_OK;
done:
    am__encoder_space_free(&fresh);
    return status;
}

void am__encoder_space_free(am_encoder_space **space) {
    am_encoder_space *old = *space;
    if (old == NULL) return;
    am__free(old->frames);
    am__free(old->x);
    if (old->normed != old->layers_s8.qkv) am__free(old->normed);
    am__free(old->wide);
    am__free(old->mixed);
    am__attention_space_free(&old->attention);
    am__layers_s8_space_free(&old->layers_s8);
    am__free(old);
    *space = NULL;
}

float *am__encoder_input(am_encoder_space *space, const am_encoder *encoder) {
    return space->frames + encoder->dims.n_mels;
}

void am__encoder_probe(am_encoder_space *space, am_encoder_probe_fn *probe, void *context) {
    space->probe = probe;
    space->probe_context = context;
}

static void run_convolutions(const am_encoder *encoder, const am_exec *exec,
                             am_encoder_space *space, size_t n_ctx) {
    const size_t n_mels = (size_t)encoder->dims.n_mels;
    const size_t d = (size_t)encoder->dims.d_model;
    float *last_frame = space->frames + (2 * n_ctx + 1) * n_mels;
    float *last_conv = space->conv + (2 * n_ctx + 1) * d;
    memset(space->conv, 0, d * sizeof *last_conv);
    memset(last_frame, 0, n_mels * sizeof *last_frame);
    memset(last_conv, 0, d * sizeof *last_conv);
    am__linear_run(&encoder->conv1, exec, space->frames, n_mels, 2 * n_ctx, space->conv + d, d,
                   AM_EPILOGUE_GELU);
    am__dense_run(&encoder->conv2, exec, space->conv, 2 * d, n_ctx, space->x, d,
                   AM_EPILOGUE_GELU);
    exec->kernels->add_f32(space->x, encoder->positions, n_ctx * d);
}

static void run_layer(const am_encoder_layer *layer, const am_exec *exec, am_encoder_space *space,
                      size_t n_ctx, size_t d, size_t d_ff) {
    am__norm_run(&layer->attn_norm, exec, space->x, n_ctx, space->normed);
    am__dense_run(&layer->qkv, exec, space->normed, d, n_ctx, space->wide, 3 * d,
                   AM_EPILOGUE_NONE);
    if (space->probe != NULL) space->probe(space->probe_context, space->wide, n_ctx);
    am__attention_full(&space->attention, exec, space->wide, n_ctx, space->mixed);
    am__dense_run(&layer->out, exec, space->mixed, d, n_ctx, space->x, d, AM_EPILOGUE_ADD);
    am__norm_run(&layer->mlp_norm, exec, space->x, n_ctx, space->normed);
    am__dense_run(&layer->fc1, exec, space->normed, d, n_ctx, space->wide, d_ff,
                   AM_EPILOGUE_GELU);
    am__dense_run(&layer->fc2, exec, space->wide, d_ff, n_ctx, space->x, d, AM_EPILOGUE_ADD);
}

const float *am__encoder_run(const am_encoder *encoder, const am_exec *exec,
                             am_encoder_space *space, size_t n_ctx) {
    const size_t n_layers = (size_t)encoder->dims.n_encoder_layers;
    run_convolutions(encoder, exec, space, n_ctx);
    if (encoder->type != AM_COMPUTE_F32) {
        am__layers_s8_run(encoder->layers, n_layers, &encoder->norm, exec, &space->layers_s8,
                          space->x, n_ctx, space->normed);
        return space->normed;
    }
    for (size_t i = 0; i < n_layers; i++) {
        run_layer(&encoder->layers[i], exec, space, n_ctx, (size_t)encoder->dims.d_model,
                  (size_t)encoder->dims.d_ff);
    }
    am__norm_run(&encoder->norm, exec, space->x, n_ctx, space->normed);
    return space->normed;
}
