/*
 * whisper.cpp's ggml file. Reference: whisper.cpp whisper_model_load, convert-pt-to-ggml.py.
 *
 * Little-endian: u32 magic; 11 i32: n_vocab, audio ctx, width, heads, layers, text ctx, width,
 * heads, layers, n_mels, type of the file; the mel filters (i32 n_mels, i32 n_fft, f32 [n_mels,
 * n_fft]: ours are computed, these are passed over); i32 n tokens, each u32 length and bytes
 * (special tokens are not listed); then tensors to the end: i32 rank, i32 length of the name, i32
 * type, i32 shape[rank] innermost first, name, data.
 */
#include <string.h>

#include "base/mem.h"
#include "model/reader.h"

#define MAGIC 0x67676d6cu /* "ggml" */

static const am_naming naming = {
    .layer_format = "%s.blocks.%d.%s",
    .global =
        {
            [AM_T_CONV1_W] = {"encoder.conv1.weight", 0, 1},
            [AM_T_CONV1_B] = {"encoder.conv1.bias", 0, 1},
            [AM_T_CONV2_W] = {"encoder.conv2.weight", 0, 1},
            [AM_T_CONV2_B] = {"encoder.conv2.bias", 0, 1},
            [AM_T_ENC_POS] = {"encoder.positional_embedding", 0, 1},
            [AM_T_ENC_LN_W] = {"encoder.ln_post.weight", 0, 1},
            [AM_T_ENC_LN_B] = {"encoder.ln_post.bias", 0, 1},
            [AM_T_TOKEN_EMB] = {"decoder.token_embedding.weight", 0, 1},
            [AM_T_DEC_POS] = {"decoder.positional_embedding", 0, 1},
            [AM_T_DEC_LN_W] = {"decoder.ln.weight", 0, 1},
            [AM_T_DEC_LN_B] = {"decoder.ln.bias", 0, 1},
        },
    .layer =
        {
            [AM_L_ATTN_LN_W] = {"attn_ln.weight", 0, 1},
            [AM_L_ATTN_LN_B] = {"attn_ln.bias", 0, 1},
            [AM_L_ATTN_Q_W] = {"attn.query.weight", 0, 1},
            [AM_L_ATTN_Q_B] = {"attn.query.bias", 0, 1},
            [AM_L_ATTN_K_W] = {"attn.key.weight", 0, 1},
            [AM_L_ATTN_V_W] = {"attn.value.weight", 0, 1},
            [AM_L_ATTN_V_B] = {"attn.value.bias", 0, 1},
            [AM_L_ATTN_O_W] = {"attn.out.weight", 0, 1},
            [AM_L_ATTN_O_B] = {"attn.out.bias", 0, 1},
            [AM_L_CROSS_LN_W] = {"cross_attn_ln.weight", 0, 1},
            [AM_L_CROSS_LN_B] = {"cross_attn_ln.bias", 0, 1},
            [AM_L_CROSS_Q_W] = {"cross_attn.query.weight", 0, 1},
            [AM_L_CROSS_Q_B] = {"cross_attn.query.bias", 0, 1},
            [AM_L_CROSS_K_W] = {"cross_attn.key.weight", 0, 1},
            [AM_L_CROSS_V_W] = {"cross_attn.value.weight", 0, 1},
            [AM_L_CROSS_V_B] = {"cross_attn.value.bias", 0, 1},
            [AM_L_CROSS_O_W] = {"cross_attn.out.weight", 0, 1},
            [AM_L_CROSS_O_B] = {"cross_attn.out.bias", 0, 1},
            [AM_L_MLP_LN_W] = {"mlp_ln.weight", 0, 1},
            [AM_L_MLP_LN_B] = {"mlp_ln.bias", 0, 1},
            [AM_L_FC1_W] = {"mlp.0.weight", 0, 1},
            [AM_L_FC1_B] = {"mlp.0.bias", 0, 1},
            [AM_L_FC2_W] = {"mlp.2.weight", 0, 1},
            [AM_L_FC2_B] = {"mlp.2.bias", 0, 1},
        },
};

typedef struct ggml_type {
    const char *name;
    bool readable;
    am_dtype dtype;
} ggml_type;

/* By ggml's number of the type; the k-quants and later ones are not read. */
static const ggml_type types[] = {
    [0] = {"f32", true, AM_DTYPE_F32},    [1] = {"f16", true, AM_DTYPE_F16},
    [2] = {"q4_0", true, AM_DTYPE_Q4_0},  [3] = {"q4_1", true, AM_DTYPE_Q4_1},
    [6] = {"q5_0", true, AM_DTYPE_Q5_0},  [7] = {"q5_1", true, AM_DTYPE_Q5_1},
    [8] = {"q8_0", true, AM_DTYPE_Q8_0},  [10] = {"q2_k", false, AM_DTYPE_F32},
    [11] = {"q3_k", false, AM_DTYPE_F32}, [12] = {"q4_k", false, AM_DTYPE_F32},
    [13] = {"q5_k", false, AM_DTYPE_F32}, [14] = {"q6_k", false, AM_DTYPE_F32},
    [15] = {"q8_k", false, AM_DTYPE_F32}, [30] = {"bf16", true, AM_DTYPE_BF16},
};

static am_status read_dims(am_reader *reader, am_dims *dims, am_error *error) {
    enum {
        N_VOCAB, AUDIO_CTX, AUDIO_WIDTH, AUDIO_HEADS, AUDIO_LAYERS,
        TEXT_CTX, TEXT_WIDTH, TEXT_HEADS, TEXT_LAYERS, N_MELS, FILE_TYPE, N_NUMBERS
    };
    uint32_t numbers[N_NUMBERS];
    for (int i = 0; i < N_NUMBERS; i++) {
        AM_TRY(am__read_u32(reader, "dimensions", &numbers[i], error));
        if (numbers[i] > 1u << 24) {
            AM_FAIL(error, AM_E_MODEL, "%s: dimension %d is %u", reader->source, i, numbers[i]);
        }
    }
    if (numbers[AUDIO_WIDTH] != numbers[TEXT_WIDTH] ||
        numbers[AUDIO_HEADS] != numbers[TEXT_HEADS]) {
        AM_FAIL(error, AM_E_UNSUPPORTED, "%s: encoder of width %u, decoder of width %u",
                reader->source, numbers[AUDIO_WIDTH], numbers[TEXT_WIDTH]);
    }
    *dims = (am_dims){
        .n_mels = (int)numbers[N_MELS],
        .n_vocab = (int)numbers[N_VOCAB],
        .d_model = (int)numbers[AUDIO_WIDTH],
        .n_heads = (int)numbers[AUDIO_HEADS],
        .d_ff = 4 * (int)numbers[AUDIO_WIDTH],
        .n_encoder_layers = (int)numbers[AUDIO_LAYERS],
        .n_decoder_layers = (int)numbers[TEXT_LAYERS],
        .n_audio_ctx = (int)numbers[AUDIO_CTX],
        .n_text_ctx = (int)numbers[TEXT_CTX],
    };
    return am__dims_check(dims, reader->source, error);
}

static am_status skip_filters(am_reader *reader, const am_dims *dims, am_error *error) {
    uint32_t n_mels, n_fft;
    const unsigned char *filters;
    AM_TRY(am__read_u32(reader, "mel filters", &n_mels, error));
    AM_TRY(am__read_u32(reader, "mel filters", &n_fft, error));
    if (n_mels != (uint32_t)dims->n_mels || n_fft > 4096) {
        AM_FAIL(error, AM_E_MODEL, "%s: mel filters [%u, %u], expected %d bins", reader->source,
                n_mels, n_fft, dims->n_mels);
    }
    return am__read_bytes(reader, "mel filters", (size_t)n_mels * n_fft * sizeof(float), &filters,
                          error);
}

static am_status read_vocabulary(am_model *model, am_reader *reader, am_error *error) {
    uint32_t n_tokens;
    AM_TRY(am__read_u32(reader, "vocabulary", &n_tokens, error));
    if (n_tokens > (uint32_t)model->dims.n_vocab) {
        AM_FAIL(error, AM_E_MODEL, "%s: %u tokens listed, the vocabulary has %d", reader->source,
                n_tokens, model->dims.n_vocab);
    }
    AM_TRY(am__vocabulary_new(model, error));
    for (uint32_t i = 0; i < n_tokens; i++) {
        uint32_t n;
        const unsigned char *bytes = NULL;
        AM_TRY(am__read_u32(reader, "vocabulary", &n, error));
        AM_TRY(am__read_bytes(reader, "vocabulary", n, &bytes, error));
        AM_TRY(am__vocabulary_put(model, i, (const char *)bytes, n, error));
    }
    return am__vocabulary_finish(model, error);
}

static am_status read_tensor(am_model *model, am_reader *reader, am_raw_list *list,
                             am_error *error) {
    am_raw_tensor tensor = {0};
    uint32_t rank, n_name, type;
    const unsigned char *name = NULL;
    AM_TRY(am__read_u32(reader, "a tensor's rank", &rank, error));
    AM_TRY(am__read_u32(reader, "a tensor's name", &n_name, error));
    AM_TRY(am__read_u32(reader, "a tensor's type", &type, error));
    if (rank < 1 || rank > AM_MAX_RANK) {
        AM_FAIL(error, AM_E_MODEL, "%s: tensor of rank %u at offset %zu, expected 1 to %d",
                reader->source, rank, reader->at, AM_MAX_RANK);
    }
    tensor.rank = rank;
    for (size_t i = 0; i < rank; i++) {
        uint32_t extent;
        AM_TRY(am__read_u32(reader, "a tensor's shape", &extent, error));
        tensor.shape[rank - 1 - i] = extent;
    }
    AM_TRY(am__read_bytes(reader, "a tensor's name", n_name, &name, error));
    if (n_name == 0 || n_name > 127 || memchr(name, '\0', n_name) != NULL) {
        AM_FAIL(error, AM_E_MODEL, "%s: bad name of a tensor before offset %zu", reader->source,
                reader->at);
    }
    AM_TRY(am__arena_strndup(&model->arena, (const char *)name, n_name, &tensor.name, error));
    if (type >= sizeof types / sizeof types[0] || types[type].name == NULL) {
        AM_FAIL(error, AM_E_MODEL, "%s: tensor %s has unknown type %u", reader->source,
                tensor.name, type);
    }
    tensor.type = types[type].name;
    tensor.readable = types[type].readable;
    if (!tensor.readable) {
        AM_FAIL(error, AM_E_UNSUPPORTED, "%s: tensor %s is %s; f32, f16, bf16, q8_0, q5_0, q5_1, "
                "q4_0 and q4_1 are read", reader->source, tensor.name, tensor.type);
    }
    tensor.dtype = types[type].dtype;
    AM_TRY(am__raw_n_bytes(&tensor, reader->source, &tensor.n_bytes, error));
    AM_TRY(am__read_bytes(reader, tensor.name, tensor.n_bytes, &tensor.data, error));
    return am__raw_push(list, &tensor, reader->source, error);
}

am_status am__ggml_read(am_model *model, am_error *error) {
    const am_map *map;
    uint32_t magic;
    am_raw_list list = {0};
    am_status status = AM_OK;
    model->format = "ggml";
    AM_TRY_DONE(am__model_map(model, model->path, &map, error));
    am_reader reader = am__reader(map, model->path);
    AM_TRY_DONE(am__read_u32(&reader, "magic", &magic, error));
    if (magic != MAGIC) {
        status = am__fail(error, AM_E_MODEL, "%s: not a ggml file (a CTranslate2 or Hugging Face "
                          "model is opened by its folder)", model->path);
        goto done;
    }
    AM_TRY_DONE(read_dims(&reader, &model->dims, error));
    AM_TRY_DONE(skip_filters(&reader, &model->dims, error));
    AM_TRY_DONE(read_vocabulary(model, &reader, error));
    while (am__reader_left(&reader) > 0) AM_TRY_DONE(read_tensor(model, &reader, &list, error));
    AM_TRY_DONE(am__raw_sort(&list, model->path, error));
    AM_TRY_DONE(am__model_bind(model, &list, &naming, error));
    AM_TRY_DONE(am__alignment_heads_set(model, NULL, model->path, error));
done:
    am__raw_free(&list);
    return status;
}
