/*
 * CTranslate2 model directory (what faster-whisper uses): model.bin of binary version 6, then
 * config.json (alignment heads) and a vocabulary. Reference: CTranslate2 src/models/model.cc.
 *
 * model.bin, little-endian: u32 version, string spec, u32 revision, u32 n tensors; each: string
 * name, u8 rank, u32 shape[rank], u8 type, u32 bytes, data. Then u32 n aliases: two strings each.
 * Strings are u16 length, with their final zero counted. Q, K and V of self-attention are one
 * tensor, K and V of cross-attention another; Whisper's zero key bias lies between the two others.
 * An int8 weight W has W_scale, one f32 per row: value = W / scale.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "model/reader.h"

#define BINARY_VERSION 6

static const am_naming naming = {
    .layer_format = "%s/layer_%d/%s",
    .global =
        {
            [AM_T_CONV1_W] = {"encoder/conv1/weight", 0, 1},
            [AM_T_CONV1_B] = {"encoder/conv1/bias", 0, 1},
            [AM_T_CONV2_W] = {"encoder/conv2/weight", 0, 1},
            [AM_T_CONV2_B] = {"encoder/conv2/bias", 0, 1},
            [AM_T_ENC_POS] = {"encoder/position_encodings/encodings", 0, 1},
            [AM_T_ENC_LN_W] = {"encoder/layer_norm/gamma", 0, 1},
            [AM_T_ENC_LN_B] = {"encoder/layer_norm/beta", 0, 1},
            [AM_T_TOKEN_EMB] = {"decoder/embeddings/weight", 0, 1},
            [AM_T_DEC_POS] = {"decoder/position_encodings/encodings", 0, 1},
            [AM_T_DEC_LN_W] = {"decoder/layer_norm/gamma", 0, 1},
            [AM_T_DEC_LN_B] = {"decoder/layer_norm/beta", 0, 1},
        },
    .layer =
        {
            [AM_L_ATTN_LN_W] = {"self_attention/layer_norm/gamma", 0, 1},
            [AM_L_ATTN_LN_B] = {"self_attention/layer_norm/beta", 0, 1},
            [AM_L_ATTN_Q_W] = {"self_attention/linear_0/weight", 0, 3},
            [AM_L_ATTN_Q_B] = {"self_attention/linear_0/bias", 0, 3},
            [AM_L_ATTN_K_W] = {"self_attention/linear_0/weight", 1, 3},
            [AM_L_ATTN_V_W] = {"self_attention/linear_0/weight", 2, 3},
            [AM_L_ATTN_V_B] = {"self_attention/linear_0/bias", 2, 3},
            [AM_L_ATTN_O_W] = {"self_attention/linear_1/weight", 0, 1},
            [AM_L_ATTN_O_B] = {"self_attention/linear_1/bias", 0, 1},
            [AM_L_CROSS_LN_W] = {"attention/layer_norm/gamma", 0, 1},
            [AM_L_CROSS_LN_B] = {"attention/layer_norm/beta", 0, 1},
            [AM_L_CROSS_Q_W] = {"attention/linear_0/weight", 0, 1},
            [AM_L_CROSS_Q_B] = {"attention/linear_0/bias", 0, 1},
            [AM_L_CROSS_K_W] = {"attention/linear_1/weight", 0, 2},
            [AM_L_CROSS_V_W] = {"attention/linear_1/weight", 1, 2},
            [AM_L_CROSS_V_B] = {"attention/linear_1/bias", 1, 2},
            [AM_L_CROSS_O_W] = {"attention/linear_2/weight", 0, 1},
            [AM_L_CROSS_O_B] = {"attention/linear_2/bias", 0, 1},
            [AM_L_MLP_LN_W] = {"ffn/layer_norm/gamma", 0, 1},
            [AM_L_MLP_LN_B] = {"ffn/layer_norm/beta", 0, 1},
            [AM_L_FC1_W] = {"ffn/linear_0/weight", 0, 1},
            [AM_L_FC1_B] = {"ffn/linear_0/bias", 0, 1},
            [AM_L_FC2_W] = {"ffn/linear_1/weight", 0, 1},
            [AM_L_FC2_B] = {"ffn/linear_1/bias", 0, 1},
        },
};

typedef struct ct2_type {
    const char *name;
    size_t n_bytes;
    bool readable;
    am_dtype dtype;
} ct2_type;

static const ct2_type types[] = {
    {"f32", 4, true, AM_DTYPE_F32},    {"int8", 1, true, AM_DTYPE_I8_ROWS},
    {"int16", 2, false, AM_DTYPE_F32}, {"int32", 4, false, AM_DTYPE_F32},
    {"f16", 2, true, AM_DTYPE_F16},    {"bf16", 2, true, AM_DTYPE_BF16},
};

/* Borrowed from the map: the file's strings end in a zero. */
static am_status read_string(am_reader *reader, const char *what, const char **text,
                             am_error *error) {
    uint16_t n;
    const unsigned char *bytes;
    AM_TRY(am__read_u16(reader, what, &n, error));
    AM_TRY(am__read_bytes(reader, what, n, &bytes, error));
    if (n == 0 || memchr(bytes, '\0', n) != bytes + n - 1) {
        AM_FAIL(error, AM_E_MODEL, "%s: %s is not a zero-terminated string", reader->source, what);
    }
    *text = (const char *)bytes;
    return AM_OK;
}

static am_status read_tensor(am_reader *reader, am_raw_list *list, am_error *error) {
    am_raw_tensor tensor = {0};
    uint8_t rank, type;
    uint32_t n_bytes;
    AM_TRY(read_string(reader, "a tensor's name", &tensor.name, error));
    AM_TRY(am__read_u8(reader, tensor.name, &rank, error));
    if (rank > AM_MAX_RANK) {
        AM_FAIL(error, AM_E_MODEL, "%s: tensor %s has rank %u, expected at most %d",
                reader->source, tensor.name, rank, AM_MAX_RANK);
    }
    tensor.rank = rank;
    size_t n_elements = 1;
    for (size_t i = 0; i < rank; i++) {
        uint32_t extent;
        AM_TRY(am__read_u32(reader, tensor.name, &extent, error));
        tensor.shape[i] = extent;
        if (!am__mul(n_elements, extent, &n_elements)) n_elements = SIZE_MAX;
    }
    AM_TRY(am__read_u8(reader, tensor.name, &type, error));
    if (type >= sizeof types / sizeof types[0]) {
        AM_FAIL(error, AM_E_MODEL, "%s: tensor %s has type %u, expected 0 to 5", reader->source,
                tensor.name, type);
    }
    tensor.type = types[type].name;
    tensor.readable = types[type].readable;
    tensor.dtype = types[type].dtype;
    AM_TRY(am__read_u32(reader, tensor.name, &n_bytes, error));
    tensor.n_bytes = n_bytes;
    if (n_elements > UINT32_MAX || n_elements * types[type].n_bytes != n_bytes) {
        AM_FAIL(error, AM_E_MODEL, "%s: tensor %s: %zu elements of %s do not make %u bytes",
                reader->source, tensor.name, n_elements, tensor.type, n_bytes);
    }
    AM_TRY(am__read_bytes(reader, tensor.name, n_bytes, &tensor.data, error));
    return am__raw_push(list, &tensor, reader->source, error);
}

static am_status read_binary(am_reader *reader, am_raw_list *list, am_error *error) {
    uint32_t version, revision, n_tensors, n_aliases;
    const char *spec;
    AM_TRY(am__read_u32(reader, "version", &version, error));
    if (version != BINARY_VERSION) {
        AM_FAIL(error, AM_E_UNSUPPORTED, "%s: CTranslate2 binary version %u, expected %d",
                reader->source, version, BINARY_VERSION);
    }
    AM_TRY(read_string(reader, "specification name", &spec, error));
    if (strcmp(spec, "WhisperSpec") != 0) {
        AM_FAIL(error, AM_E_UNSUPPORTED, "%s: a model of kind %s, expected WhisperSpec",
                reader->source, spec);
    }
    AM_TRY(am__read_u32(reader, "revision", &revision, error));
    AM_TRY(am__read_u32(reader, "number of tensors", &n_tensors, error));
    for (uint32_t i = 0; i < n_tensors; i++) AM_TRY(read_tensor(reader, list, error));
    /* The one alias of a Whisper model ties the output projection to the embeddings, as bound. */
    AM_TRY(am__read_u32(reader, "number of aliases", &n_aliases, error));
    for (uint32_t i = 0; i < n_aliases; i++) {
        const char *alias, *name;
        AM_TRY(read_string(reader, "an alias", &alias, error));
        AM_TRY(read_string(reader, "an alias", &name, error));
    }
    return am__raw_sort(list, reader->source, error);
}

static am_status attach_scales(const am_raw_list *list, const char *source, am_error *error) {
    for (size_t i = 0; i < list->n; i++) {
        am_raw_tensor *tensor = &list->items[i];
        if (tensor->dtype != AM_DTYPE_I8_ROWS || tensor->rank < 2) continue;
        char name[256];
        snprintf(name, sizeof name, "%s_scale", tensor->name);
        const am_raw_tensor *scale = am__raw_find(list, name);
        if (scale == NULL || !scale->readable || scale->dtype != AM_DTYPE_F32 ||
            scale->n_bytes != tensor->shape[0] * sizeof(float)) {
            AM_FAIL(error, AM_E_MODEL, "%s: int8 tensor %s has no f32 scale for each of %zu rows",
                    source, tensor->name, tensor->shape[0]);
        }
        tensor->scales = scale->data;
    }
    return AM_OK;
}

static int count_layers(const am_raw_list *list, const char *stack) {
    int n = 0;
    for (; n <= AM_MAX_LAYERS; n++) {
        char name[64];
        snprintf(name, sizeof name, "%s/layer_%d/ffn/linear_0/weight", stack, n);
        if (am__raw_find(list, name) == NULL) break;
    }
    return n;
}

/* Extent `axis` of a tensor as an int; 0 when there is no such, which am__dims_check refuses. */
static int extent(const am_raw_list *list, const char *name, size_t axis) {
    const am_raw_tensor *tensor = am__raw_find(list, name);
    if (tensor == NULL || axis >= tensor->rank || tensor->shape[axis] > INT32_MAX) return 0;
    return (int)tensor->shape[axis];
}

/* A number the file keeps as a tensor of rank 0; 0 when there is none. */
static int small_number(const am_raw_list *list, const char *name) {
    const am_raw_tensor *tensor = am__raw_find(list, name);
    if (tensor == NULL || tensor->rank != 0 || tensor->n_bytes == 0) return 0;
    return tensor->data[0];
}

static am_status read_dims(am_model *model, const am_raw_list *list, am_error *error) {
    const int n_decoder_heads = small_number(list, "decoder/num_heads");
    model->dims = (am_dims){
        .n_mels = extent(list, "encoder/conv1/weight", 1),
        .n_vocab = extent(list, "decoder/embeddings/weight", 0),
        .d_model = extent(list, "encoder/conv1/weight", 0),
        .n_heads = small_number(list, "encoder/num_heads"),
        .d_ff = extent(list, "encoder/layer_0/ffn/linear_0/weight", 0),
        .n_encoder_layers = count_layers(list, "encoder"),
        .n_decoder_layers = count_layers(list, "decoder"),
        .n_audio_ctx = extent(list, "encoder/position_encodings/encodings", 0),
        .n_text_ctx = extent(list, "decoder/position_encodings/encodings", 0),
    };
    if (n_decoder_heads != model->dims.n_heads) {
        AM_FAIL(error, AM_E_UNSUPPORTED, "%s: %d heads in the encoder, %d in the decoder",
                model->path, model->dims.n_heads, n_decoder_heads);
    }
    return am__dims_check(&model->dims, model->path, error);
}

am_status am__ct2_read(am_model *model, am_error *error) {
    char path[AM_PATH_MAX];
    const am_map *map;
    am_raw_list list = {0};
    am_json *config = NULL;
    am_status status = AM_OK;
    model->format = "CTranslate2";
    AM_TRY_DONE(am__path_join(model->path, "model.bin", path, sizeof path, error));
    AM_TRY_DONE(am__model_map(model, path, &map, error));
    am_reader reader = am__reader(map, path);
    AM_TRY_DONE(read_binary(&reader, &list, error));
    AM_TRY_DONE(attach_scales(&list, path, error));
    AM_TRY_DONE(read_dims(model, &list, error));
    AM_TRY_DONE(am__model_bind(model, &list, &naming, error));
    AM_TRY_DONE(am__vocabulary_from_folder(model, model->path, error));
    AM_TRY_DONE(am__model_json(model->path, "config.json", false, &config, error));
    AM_TRY_DONE(am__alignment_heads_set(model, am__json_get(config, "alignment_heads"),
                                        "config.json", error));
done:
    am__json_free(&config);
    am__raw_free(&list);
    return status;
}
