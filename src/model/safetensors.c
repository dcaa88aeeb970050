/*
 * Hugging Face model directory: model.safetensors, or the shards that
 * model.safetensors.index.json lists; config.json (dimensions), generation_config.json (alignment
 * heads) and tokenizer.json. A safetensors file: u64 length of the header, the header as JSON
 * {"name": {"dtype": "F16", "shape": […], "data_offsets": [begin, end]}}, then the data.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "model/reader.h"

#define HEADER_BYTES_MAX ((size_t)16 << 20)
#define PREFIX "model."

static const am_naming naming = {
    .layer_format = "%s.layers.%d.%s",
    .global =
        {
            [AM_T_CONV1_W] = {"encoder.conv1.weight", 0, 1},
            [AM_T_CONV1_B] = {"encoder.conv1.bias", 0, 1},
            [AM_T_CONV2_W] = {"encoder.conv2.weight", 0, 1},
            [AM_T_CONV2_B] = {"encoder.conv2.bias", 0, 1},
            [AM_T_ENC_POS] = {"encoder.embed_positions.weight", 0, 1},
            [AM_T_ENC_LN_W] = {"encoder.layer_norm.weight", 0, 1},
            [AM_T_ENC_LN_B] = {"encoder.layer_norm.bias", 0, 1},
            [AM_T_TOKEN_EMB] = {"decoder.embed_tokens.weight", 0, 1},
            [AM_T_DEC_POS] = {"decoder.embed_positions.weight", 0, 1},
            [AM_T_DEC_LN_W] = {"decoder.layer_norm.weight", 0, 1},
            [AM_T_DEC_LN_B] = {"decoder.layer_norm.bias", 0, 1},
        },
    .layer =
        {
            [AM_L_ATTN_LN_W] = {"self_attn_layer_norm.weight", 0, 1},
            [AM_L_ATTN_LN_B] = {"self_attn_layer_norm.bias", 0, 1},
            [AM_L_ATTN_Q_W] = {"self_attn.q_proj.weight", 0, 1},
            [AM_L_ATTN_Q_B] = {"self_attn.q_proj.bias", 0, 1},
            [AM_L_ATTN_K_W] = {"self_attn.k_proj.weight", 0, 1},
            [AM_L_ATTN_V_W] = {"self_attn.v_proj.weight", 0, 1},
            [AM_L_ATTN_V_B] = {"self_attn.v_proj.bias", 0, 1},
            [AM_L_ATTN_O_W] = {"self_attn.out_proj.weight", 0, 1},
            [AM_L_ATTN_O_B] = {"self_attn.out_proj.bias", 0, 1},
            [AM_L_CROSS_LN_W] = {"encoder_attn_layer_norm.weight", 0, 1},
            [AM_L_CROSS_LN_B] = {"encoder_attn_layer_norm.bias", 0, 1},
            [AM_L_CROSS_Q_W] = {"encoder_attn.q_proj.weight", 0, 1},
            [AM_L_CROSS_Q_B] = {"encoder_attn.q_proj.bias", 0, 1},
            [AM_L_CROSS_K_W] = {"encoder_attn.k_proj.weight", 0, 1},
            [AM_L_CROSS_V_W] = {"encoder_attn.v_proj.weight", 0, 1},
            [AM_L_CROSS_V_B] = {"encoder_attn.v_proj.bias", 0, 1},
            [AM_L_CROSS_O_W] = {"encoder_attn.out_proj.weight", 0, 1},
            [AM_L_CROSS_O_B] = {"encoder_attn.out_proj.bias", 0, 1},
            [AM_L_MLP_LN_W] = {"final_layer_norm.weight", 0, 1},
            [AM_L_MLP_LN_B] = {"final_layer_norm.bias", 0, 1},
            [AM_L_FC1_W] = {"fc1.weight", 0, 1},
            [AM_L_FC1_B] = {"fc1.bias", 0, 1},
            [AM_L_FC2_W] = {"fc2.weight", 0, 1},
            [AM_L_FC2_B] = {"fc2.bias", 0, 1},
        },
};

static const struct {
    const char *name;
    am_dtype dtype;
} types[] = {{"F32", AM_DTYPE_F32}, {"F16", AM_DTYPE_F16}, {"BF16", AM_DTYPE_BF16}};

/* The tensor's name in the arena, without the prefix that only whole models have. */
static am_status keep_name(am_model *model, const char *name, am_raw_tensor *tensor,
                           am_error *error) {
    if (strncmp(name, PREFIX, strlen(PREFIX)) == 0) name += strlen(PREFIX);
    return am__arena_strndup(&model->arena, name, strlen(name), &tensor->name, error);
}

/* One entry of the header; `data` [n_data] are the bytes behind the header. */
static am_status add_tensor(am_model *model, const char *source, const char *name, am_json *entry,
                            const unsigned char *data, size_t n_data, am_raw_list *list,
                            am_error *error) {
    am_raw_tensor tensor = {0};
    am_json *shape = am__json_get(entry, "shape");
    am_json *offsets = am__json_get(entry, "data_offsets");
    int64_t begin, end;
    AM_TRY(keep_name(model, name, &tensor, error));
    const char *type = am__json_string(am__json_get(entry, "dtype"), NULL);
    if (type == NULL || !am__json_is_array(shape) || am__json_size(shape) > AM_MAX_RANK ||
        !am__json_integer(am__json_at(offsets, 0), 0, INT64_MAX, &begin) ||
        !am__json_integer(am__json_at(offsets, 1), begin, INT64_MAX, &end)) {
        AM_FAIL(error, AM_E_MODEL, "%s: tensor %s lacks dtype, shape or data_offsets", source,
                name);
    }
    if ((uint64_t)end > n_data) {
        AM_FAIL(error, AM_E_MODEL, "%s: tensor %s ends at byte %lld of data, the file has %zu",
                source, name, (long long)end, n_data);
    }
    tensor.rank = am__json_size(shape);
    for (size_t i = 0; i < tensor.rank; i++) {
        int64_t extent;
        if (!am__json_integer(am__json_at(shape, i), 0, UINT32_MAX, &extent)) {
            AM_FAIL(error, AM_E_MODEL, "%s: tensor %s: bad shape", source, name);
        }
        tensor.shape[i] = (size_t)extent;
    }
    AM_TRY(am__arena_strndup(&model->arena, type, strlen(type), &tensor.type, error));
    tensor.data = data + begin;
    tensor.n_bytes = (size_t)(end - begin);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(type, types[i].name) != 0) continue;
        size_t n_bytes;
        tensor.readable = true;
        tensor.dtype = types[i].dtype;
        AM_TRY(am__raw_n_bytes(&tensor, source, &n_bytes, error));
        if (n_bytes != tensor.n_bytes) {
            AM_FAIL(error, AM_E_MODEL, "%s: tensor %s takes %zu bytes, its offsets span %zu",
                    source, name, n_bytes, tensor.n_bytes);
        }
    }
    return am__raw_push(list, &tensor, source, error);
}

static am_status read_file(am_model *model, const char *name, am_raw_list *list, am_error *error) {
    char path[AM_PATH_MAX];
    const am_map *map;
    uint64_t n_header;
    const unsigned char *header = NULL;
    am_json *json = NULL;
    am_status status = AM_OK;
    AM_TRY(am__path_join(model->path, name, path, sizeof path, error));
    AM_TRY(am__model_map(model, path, &map, error));
    am_reader reader = am__reader(map, path);
    AM_TRY(am__read_u64(&reader, "length of the header", &n_header, error));
    if (n_header > HEADER_BYTES_MAX) {
        AM_FAIL(error, AM_E_MODEL, "%s: header of %llu bytes, expected at most %zu", path,
                (unsigned long long)n_header, HEADER_BYTES_MAX);
    }
    AM_TRY(am__read_bytes(&reader, "header", (size_t)n_header, &header, error));
    AM_TRY(am__json_parse((const char *)header, (size_t)n_header, path, AM_E_MODEL, &json, error));
    if (!am__json_is_object(json)) {
        status = am__fail(error, AM_E_MODEL, "%s: the header is not a JSON object", path);
        goto done;
    }
    void *cursor = NULL;
    const char *tensor_name;
    am_json *entry;
    while (am__json_next(json, &cursor, &tensor_name, &entry)) {
        if (strcmp(tensor_name, "__metadata__") == 0) continue;
        AM_TRY_DONE(add_tensor(model, path, tensor_name, entry, header + n_header,
                               am__reader_left(&reader), list, error));
    }
done:
    am__json_free(&json);
    return status;
}

/* A shard is a plain file name: it must not lead out of the model's folder. */
static bool is_plain_name(const char *name) {
    return name != NULL && name[0] != '\0' && name[0] != '.' && strchr(name, '/') == NULL;
}

static am_status read_shards(am_model *model, const char *index, am_raw_list *list,
                             am_error *error) {
    const char *shards[AM_MAX_SHARDS]; /* borrowed from the JSON */
    size_t n_shards = 0;
    am_json *json = NULL;
    am_status status = AM_OK;
    AM_TRY(am__model_json(model->path, index, true, &json, error));
    am_json *weight_map = am__json_get(json, "weight_map");
    void *cursor = NULL;
    const char *tensor_name;
    am_json *value;
    while (am__json_next(weight_map, &cursor, &tensor_name, &value)) {
        const char *shard = am__json_string(value, NULL);
        if (!is_plain_name(shard)) {
            status = am__fail(error, AM_E_MODEL, "%s/%s: no file name for tensor %s", model->path,
                              index, tensor_name);
            goto done;
        }
        size_t known = 0;
        while (known < n_shards && strcmp(shards[known], shard) != 0) known++;
        if (known < n_shards) continue;
        if (n_shards == AM_MAX_SHARDS) {
            status = am__fail(error, AM_E_UNSUPPORTED, "%s/%s: more than %d shards", model->path,
                              index, AM_MAX_SHARDS);
            goto done;
        }
        shards[n_shards++] = shard;
        AM_TRY_DONE(read_file(model, shard, list, error));
    }
    if (n_shards == 0) {
        status = am__fail(error, AM_E_MODEL, "%s/%s: no weight_map", model->path, index);
    }
done:
    am__json_free(&json);
    return status;
}

static am_status read_dims(am_model *model, am_error *error) {
    int encoder_heads = 0, decoder_heads = 0, encoder_ffn = 0, decoder_ffn = 0;
    am_dims *d = &model->dims;
    const struct {
        const char *key;
        int *value;
    } fields[] = {
        {"num_mel_bins", &d->n_mels},
        {"vocab_size", &d->n_vocab},
        {"d_model", &d->d_model},
        {"encoder_attention_heads", &encoder_heads},
        {"decoder_attention_heads", &decoder_heads},
        {"encoder_ffn_dim", &encoder_ffn},
        {"decoder_ffn_dim", &decoder_ffn},
        {"encoder_layers", &d->n_encoder_layers},
        {"decoder_layers", &d->n_decoder_layers},
        {"max_source_positions", &d->n_audio_ctx},
        {"max_target_positions", &d->n_text_ctx},
    };
    am_json *config = NULL;
    am_status status = AM_OK;
    AM_TRY(am__model_json(model->path, "config.json", true, &config, error));
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        int64_t value;
        if (!am__json_integer(am__json_get(config, fields[i].key), 0, 1 << 24, &value)) {
            status = am__fail(error, AM_E_MODEL, "%s/config.json: no number for %s", model->path,
                              fields[i].key);
            goto done;
        }
        *fields[i].value = (int)value;
    }
    d->n_heads = encoder_heads;
    d->d_ff = encoder_ffn;
    if (encoder_heads != decoder_heads || encoder_ffn != decoder_ffn) {
        status = am__fail(error, AM_E_UNSUPPORTED,
                          "%s/config.json: encoder and decoder differ in heads or MLP width",
                          model->path);
        goto done;
    }
    status = am__dims_check(d, model->path, error);
done:
    am__json_free(&config);
    return status;
}

am_status am__safetensors_read(am_model *model, am_error *error) {
    static const char single[] = "model.safetensors";
    static const char index[] = "model.safetensors.index.json";
    am_raw_list list = {0};
    am_json *generation = NULL;
    am_status status = AM_OK;
    model->format = "safetensors";
    AM_TRY_DONE(read_dims(model, error));
    if (am__path_exists(model->path, single)) {
        AM_TRY_DONE(read_file(model, single, &list, error));
    } else {
        AM_TRY_DONE(read_shards(model, index, &list, error));
    }
    AM_TRY_DONE(am__raw_sort(&list, model->path, error));
    AM_TRY_DONE(am__model_bind(model, &list, &naming, error));
    AM_TRY_DONE(am__vocabulary_from_folder(model, model->path, error));
    AM_TRY_DONE(am__model_json(model->path, "generation_config.json", false, &generation, error));
    AM_TRY_DONE(am__alignment_heads_set(model, am__json_get(generation, "alignment_heads"),
                                        "generation_config.json", error));
done:
    am__json_free(&generation);
    am__raw_free(&list);
    return status;
}
