/*
 * A model of any format in, an .amn file out (model/amn.h, docs/amn.md): linear layers packed as an
 * engine of the type packs them, so that both compute the same; all else in f32, as the engine
 * holds it.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "hub/hub.h"
#include "kernels/kernels.h"
#include "model/amn.h"
#include "nn/dense.h"

#define PARTS_MAX 3
#define NONE AM_N_LAYER_ROLES

/* The linear layers of a transformer layer: what is stacked in each. */
typedef struct linear_roles {
    bool decoder_only;
    bool sensitive; /* as decoder.c has it: am__dense_sensitive */
    size_t n_parts;
    am_layer_role weights[PARTS_MAX], biases[PARTS_MAX];
} linear_roles;

static const linear_roles linears[] = {
    {false, false, 3, {AM_L_ATTN_Q_W, AM_L_ATTN_K_W, AM_L_ATTN_V_W},
     {AM_L_ATTN_Q_B, NONE, AM_L_ATTN_V_B}},
    {false, false, 1, {AM_L_ATTN_O_W}, {AM_L_ATTN_O_B}},
    {true, false, 1, {AM_L_CROSS_Q_W}, {AM_L_CROSS_Q_B}},
    {true, true, 2, {AM_L_CROSS_K_W, AM_L_CROSS_V_W}, {NONE, AM_L_CROSS_V_B}},
    {true, false, 1, {AM_L_CROSS_O_W}, {AM_L_CROSS_O_B}},
    {false, false, 1, {AM_L_FC1_W}, {AM_L_FC1_B}},
    {false, false, 1, {AM_L_FC2_W}, {AM_L_FC2_B}},
};

static const struct {
    bool decoder_only;
    am_layer_role role;
} norms[] = {
    {false, AM_L_ATTN_LN_W}, {false, AM_L_ATTN_LN_B}, {true, AM_L_CROSS_LN_W},
    {true, AM_L_CROSS_LN_B}, {false, AM_L_MLP_LN_W},  {false, AM_L_MLP_LN_B},
};

static am_status put(am_amn_writer *writer, const char *name, am_amn_kind kind, size_t n_rows,
                     size_t n_cols, const void *bytes, size_t n_bytes, am_error *error) {
    AM_TRY(am__amn_begin(writer, name, kind, n_rows, n_cols, error));
    return am__amn_append(writer, bytes, n_bytes, error);
}

/* A tensor as it is, row by row in f32 or f16. */
static am_status put_rows(am_amn_writer *writer, const char *name, am_amn_kind kind,
                          const am_tensor *tensor, am_error *error) {
    const size_t n_cols = tensor->n_cols;
    float *row = NULL;
    am_f16 *half = NULL;
    am_status status = AM_OK;
    AM_TRY_DONE(AM_NEW_RAW(&row, n_cols, error));
    AM_TRY_DONE(AM_NEW_RAW(&half, n_cols, error));
    AM_TRY_DONE(am__amn_begin(writer, name, kind, tensor->n_rows, n_cols, error));
    for (size_t i = 0; i < tensor->n_rows; i++) {
        am__tensor_rows_f32(tensor, i, 1, row);
        if (kind == AM_AMN_F16) {
            am__kernels()->f32_to_f16(half, row, n_cols);
            AM_TRY_DONE(am__amn_append(writer, half, n_cols * sizeof *half, error));
        } else {
            AM_TRY_DONE(am__amn_append(writer, row, n_cols * sizeof *row, error));
        }
    }
done:
    am__free(row);
    am__free(half);
    return status;
}

/* Panels, their scales, and the bias unless bias_name is NULL. */
static am_status put_linear(am_amn_writer *writer, const char *name, const char *bias_name,
                            const am_linear_part *parts, size_t n_parts, am_weight_order order,
                            am_compute_type type, am_error *error) {
    char scale_name[AM_AMN_NAME_BYTES + sizeof AM_AMN_SCALE];
    am_linear_s8 linear = {0};
    size_t n_bytes;
    AM_TRY(am__linear_s8_pack(&linear, &am__s8_stored, parts, n_parts, order,
                              type == AM_COMPUTE_INT4, error));
    const am_amn_kind kind = linear.four_bits ? AM_AMN_S4_PANELS : AM_AMN_PANELS;
    snprintf(scale_name, sizeof scale_name, "%s" AM_AMN_SCALE, name);
    am_status status = AM_OK;
    if (!am__amn_n_bytes(kind, linear.n_out, linear.n_in, &n_bytes)) {
        status = am__fail(error, AM_E_LIMIT, "%s: too large", name);
        goto done;
    }
    AM_TRY_DONE(put(writer, name, kind, linear.n_out, linear.n_in, linear.panels, n_bytes, error));
    AM_TRY_DONE(put(writer, scale_name, AM_AMN_F32, 1, linear.n_out, linear.scale,
                    linear.n_out * sizeof *linear.scale, error));
    if (bias_name != NULL) {
        AM_TRY_DONE(put(writer, bias_name, AM_AMN_F32, 1, linear.n_out, linear.bias,
                        linear.n_out * sizeof *linear.bias, error));
    }
done:
    am__linear_s8_free(&linear);
    return status;
}

static void layer_name(bool decoder, int layer, am_layer_role role, char name[AM_AMN_NAME_BYTES]) {
    snprintf(name, AM_AMN_NAME_BYTES, am__amn_naming.layer_format, decoder ? "decoder" : "encoder",
             layer, am__amn_naming.layer[role].name);
}

static am_status put_layer(am_amn_writer *writer, const am_model *model, bool decoder, int layer,
                           am_compute_type type, am_error *error) {
    char name[AM_AMN_NAME_BYTES], bias_name[AM_AMN_NAME_BYTES];
    for (size_t i = 0; i < sizeof norms / sizeof norms[0]; i++) {
        if (norms[i].decoder_only && !decoder) continue;
        layer_name(decoder, layer, norms[i].role, name);
        AM_TRY(put_rows(writer, name, AM_AMN_F32,
                        am__model_layer(model, decoder, layer, norms[i].role), error));
    }
    for (size_t i = 0; i < sizeof linears / sizeof linears[0]; i++) {
        const linear_roles *roles = &linears[i];
        am_linear_part parts[PARTS_MAX] = {{0}};
        if (roles->decoder_only && !decoder) continue;
        for (size_t p = 0; p < roles->n_parts; p++) {
            parts[p].weight = am__model_layer(model, decoder, layer, roles->weights[p]);
            if (roles->biases[p] == NONE) continue;
            parts[p].bias = am__model_layer(model, decoder, layer, roles->biases[p]);
            layer_name(decoder, layer, roles->biases[p], bias_name);
        }
        layer_name(decoder, layer, roles->weights[0], name);
        AM_TRY(put_linear(writer, name, bias_name, parts, roles->n_parts, AM_WEIGHT_PLAIN,
                          roles->sensitive ? am__dense_sensitive(type) : type, error));
    }
    return AM_OK;
}

static am_status put_global(am_amn_writer *writer, const am_model *model, am_global_role role,
                            am_amn_kind kind, am_error *error) {
    return put_rows(writer, am__amn_naming.global[role].name, kind, am__model_global(model, role),
                    error);
}

static am_status put_encoder(am_amn_writer *writer, const am_model *model, am_compute_type type,
                             am_error *error) {
    static const am_global_role vectors[] = {AM_T_CONV1_B, AM_T_ENC_POS, AM_T_ENC_LN_W,
                                             AM_T_ENC_LN_B};
    /* The first convolution is computed in f32, from f16 where the source has that. */
    const am_dtype conv1 = am__model_global(model, AM_T_CONV1_W)->dtype;
    AM_TRY(put_global(writer, model, AM_T_CONV1_W,
                      conv1 == AM_DTYPE_F16 ? AM_AMN_F16 : AM_AMN_F32, error));
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        AM_TRY(put_global(writer, model, vectors[i], AM_AMN_F32, error));
    }
    const am_linear_part conv2 = {am__model_global(model, AM_T_CONV2_W),
                                  am__model_global(model, AM_T_CONV2_B)};
    AM_TRY(put_linear(writer, am__amn_naming.global[AM_T_CONV2_W].name,
                      am__amn_naming.global[AM_T_CONV2_B].name, &conv2, 1, AM_WEIGHT_CONV3, type,
                      error));
    for (int i = 0; i < am__model_dims(model)->n_encoder_layers; i++) {
        AM_TRY(put_layer(writer, model, false, i, type, error));
    }
    return AM_OK;
}

static am_status put_decoder(am_amn_writer *writer, const am_model *model, am_compute_type type,
                             am_error *error) {
    static const am_global_role vectors[] = {AM_T_DEC_POS, AM_T_DEC_LN_W, AM_T_DEC_LN_B};
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        AM_TRY(put_global(writer, model, vectors[i], AM_AMN_F32, error));
    }
    for (int i = 0; i < am__model_dims(model)->n_decoder_layers; i++) {
        AM_TRY(put_layer(writer, model, true, i, type, error));
    }
    const am_linear_part output = {am__model_global(model, AM_T_TOKEN_EMB), NULL};
    return put_linear(writer, AM_AMN_OUTPUT, NULL, &output, 1, AM_WEIGHT_PLAIN,
                      am__dense_sensitive(type), error);
}

/* Numbers are little-endian, as on every machine there are kernels for. */
static am_status put_vocabulary(am_amn_writer *writer, const am_model *model, am_error *error) {
    size_t n, n_bytes = 0;
    const am_token_text *tokens = am__model_vocabulary(model, &n);
    AM_TRY(am__amn_begin(writer, AM_AMN_TOKEN_LENGTHS, AM_AMN_U32, 1, n, error));
    for (size_t i = 0; i < n; i++) {
        const uint32_t length = tokens[i].n_bytes;
        AM_TRY(am__amn_append(writer, &length, sizeof length, error));
        n_bytes += length;
    }
    AM_TRY(am__amn_begin(writer, AM_AMN_TOKEN_BYTES, AM_AMN_BYTES, 1, n_bytes, error));
    for (size_t i = 0; i < n; i++) {
        AM_TRY(am__amn_append(writer, tokens[i].bytes, tokens[i].n_bytes, error));
    }
    return AM_OK;
}

static am_status put_heads(am_amn_writer *writer, const am_model *model, am_error *error) {
    size_t n;
    const am_head_id *heads = am__model_alignment_heads(model, &n);
    AM_TRY(am__amn_begin(writer, AM_AMN_HEADS, AM_AMN_U32, n, 2, error));
    for (size_t i = 0; i < n; i++) {
        const uint32_t pair[] = {(uint32_t)heads[i].layer, (uint32_t)heads[i].head};
        AM_TRY(am__amn_append(writer, pair, sizeof pair, error));
    }
    return AM_OK;
}

/* The new file takes the place of the old one: of a model, that would be a loss. */
static am_status refuse_same_file(const char *from, const char *to, am_error *error) {
    struct stat source, target;
    if (stat(from, &source) != 0 || stat(to, &target) != 0) return AM_OK;
    if (source.st_dev != target.st_dev || source.st_ino != target.st_ino) return AM_OK;
    AM_FAIL(error, AM_E_ARG, "%s: input and output are the same", to);
}

am_status am_model_quantize(const char *model, const char *models_dir, am_compute_type type,
                            const char *path, am_error *error) {
    char source[AM_PATH_MAX];
    am_model *file = NULL;
    am_amn_writer *writer = NULL;
    am_status status = AM_OK;
    if (path == NULL || path[0] == '\0') AM_FAIL(error, AM_E_ARG, "no file to write given");
    if (type != AM_COMPUTE_INT8 && type != AM_COMPUTE_INT4) {
        AM_FAIL(error, AM_E_ARG, "type: %d is none that is written", (int)type);
    }
    AM_TRY(am__hub_resolve(model, models_dir, source, sizeof source, error));
    AM_TRY(refuse_same_file(source, path, error));
    AM_TRY(am__model_open(source, &file, error));
    if (am__model_in_place(file)) {
        status = am__fail(error, AM_E_ARG, "%s: is quantized already", source);
        goto done;
    }
    AM_TRY_DONE(am__amn_create(path, am__model_dims(file), &writer, error));
    AM_TRY_DONE(put_encoder(writer, file, am__dense_sensitive(type), error)); /* as encoder.c */
    AM_TRY_DONE(put_decoder(writer, file, type, error));
    AM_TRY_DONE(put_vocabulary(writer, file, error));
    AM_TRY_DONE(put_heads(writer, file, error));
    AM_TRY_DONE(am__amn_commit(&writer, error));
done:
    am__amn_discard(&writer);
    am__model_close(&file);
    return status;
}

am_status am_model_verify(const char *path, am_error *error) {
    if (path == NULL || path[0] == '\0') AM_FAIL(error, AM_E_ARG, "no file given");
    return am__amn_verify(path, error);
}
