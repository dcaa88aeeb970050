/* Writes a Hugging Face folder: the inverse of src/model/safetensors.c, names as transformers'
 * WhisperForConditionalGeneration saves them. */
#include <stdlib.h>
#include <string.h>

#include "writing.h"

static const char *const global_names[] = {
    [AM_T_CONV1_W] = "encoder.conv1.weight",
    [AM_T_CONV1_B] = "encoder.conv1.bias",
    [AM_T_CONV2_W] = "encoder.conv2.weight",
    [AM_T_CONV2_B] = "encoder.conv2.bias",
    [AM_T_ENC_POS] = "encoder.embed_positions.weight",
    [AM_T_ENC_LN_W] = "encoder.layer_norm.weight",
    [AM_T_ENC_LN_B] = "encoder.layer_norm.bias",
    [AM_T_TOKEN_EMB] = "decoder.embed_tokens.weight",
    [AM_T_DEC_POS] = "decoder.embed_positions.weight",
    [AM_T_DEC_LN_W] = "decoder.layer_norm.weight",
    [AM_T_DEC_LN_B] = "decoder.layer_norm.bias",
};

static const char *const layer_names[] = {
    [AM_L_ATTN_LN_W] = "self_attn_layer_norm.weight",
    [AM_L_ATTN_LN_B] = "self_attn_layer_norm.bias",
    [AM_L_ATTN_Q_W] = "self_attn.q_proj.weight",
    [AM_L_ATTN_Q_B] = "self_attn.q_proj.bias",
    [AM_L_ATTN_K_W] = "self_attn.k_proj.weight",
    [AM_L_ATTN_V_W] = "self_attn.v_proj.weight",
    [AM_L_ATTN_V_B] = "self_attn.v_proj.bias",
    [AM_L_ATTN_O_W] = "self_attn.out_proj.weight",
    [AM_L_ATTN_O_B] = "self_attn.out_proj.bias",
    [AM_L_CROSS_LN_W] = "encoder_attn_layer_norm.weight",
    [AM_L_CROSS_LN_B] = "encoder_attn_layer_norm.bias",
    [AM_L_CROSS_Q_W] = "encoder_attn.q_proj.weight",
    [AM_L_CROSS_Q_B] = "encoder_attn.q_proj.bias",
    [AM_L_CROSS_K_W] = "encoder_attn.k_proj.weight",
    [AM_L_CROSS_V_W] = "encoder_attn.v_proj.weight",
    [AM_L_CROSS_V_B] = "encoder_attn.v_proj.bias",
    [AM_L_CROSS_O_W] = "encoder_attn.out_proj.weight",
    [AM_L_CROSS_O_B] = "encoder_attn.out_proj.bias",
    [AM_L_MLP_LN_W] = "final_layer_norm.weight",
    [AM_L_MLP_LN_B] = "final_layer_norm.bias",
    [AM_L_FC1_W] = "fc1.weight",
    [AM_L_FC1_B] = "fc1.bias",
    [AM_L_FC2_W] = "fc2.weight",
    [AM_L_FC2_B] = "fc2.bias",
};

typedef struct entry {
    tensor_id id;
    char name[128];
} entry;

static size_t list_tensors(const weights *w, entry **entries) {
    const am_dims *d = &w->dims;
    const size_t n_max = (size_t)AM_N_GLOBAL_ROLES +
                         (size_t)(d->n_encoder_layers + d->n_decoder_layers) * AM_N_LAYER_ROLES;
    size_t n = 0;
    *entries = allocate(n_max, sizeof **entries);
    for (int role = 0; role < AM_N_GLOBAL_ROLES; role++) {
        entry *e = &(*entries)[n++];
        e->id = (tensor_id){-1, 0, role};
        snprintf(e->name, sizeof e->name, "model.%s", global_names[role]);
    }
    for (int stack = 0; stack < 2; stack++) {
        const int n_layers = stack == 1 ? d->n_decoder_layers : d->n_encoder_layers;
        for (int layer = 0; layer < n_layers; layer++) {
            for (int role = 0; role < AM_N_LAYER_ROLES; role++) {
                if (stack == 0 && role >= AM_L_CROSS_LN_W && role <= AM_L_CROSS_O_B) continue;
                entry *e = &(*entries)[n++];
                e->id = (tensor_id){stack, layer, role};
                snprintf(e->name, sizeof e->name, "model.%s.layers.%d.%s",
                         stack == 1 ? "decoder" : "encoder", layer, layer_names[role]);
            }
        }
    }
    return n;
}

static void print_shape(FILE *file, const weights *w, tensor_id id) {
    const tensor_shape shape = shape_of(&w->dims, id);
    const bool convolution = id.stack < 0 && (id.role == AM_T_CONV1_W || id.role == AM_T_CONV2_W);
    if (convolution) {
        fprintf(file, "[%zu, %zu, 3]", shape.n_rows, shape.n_cols / 3);
    } else if (shape.n_rows > 1) {
        fprintf(file, "[%zu, %zu]", shape.n_rows, shape.n_cols);
    } else {
        fprintf(file, "[%zu]", shape.n_cols);
    }
}

static void write_header(FILE *file, const weights *w, const entry *entries, size_t n,
                         am_dtype dtype) {
    const char *type = dtype == AM_DTYPE_F32 ? "F32" : dtype == AM_DTYPE_F16 ? "F16" : "BF16";
    const size_t element = dtype == AM_DTYPE_F32 ? 4 : 2;
    size_t at = 0;
    fputs("{\"__metadata__\": {\"format\": \"pt\"}", file);
    for (size_t i = 0; i < n; i++) {
        const tensor_shape shape = shape_of(&w->dims, entries[i].id);
        const size_t end = at + shape.n_rows * shape.n_cols * element;
        fprintf(file, ", \"%s\": {\"dtype\": \"%s\", \"shape\": ", entries[i].name, type);
        print_shape(file, w, entries[i].id);
        fprintf(file, ", \"data_offsets\": [%zu, %zu]}", at, end);
        at = end;
    }
    fputs("}", file);
}

static void write_shard(const weights *w, const entry *entries, size_t n, am_dtype dtype,
                        const char *folder, const char *name) {
    FILE *file = create_file(folder, name);
    put_u32(file, 0); /* room for the length of the header */
    put_u32(file, 0);
    write_header(file, w, entries, n, dtype);
    const long end = ftell(file);
    rewind(file);
    put_u32(file, (size_t)end - 8);
    fseek(file, end, SEEK_SET);
    for (size_t i = 0; i < n; i++) {
        const tensor_shape shape = shape_of(&w->dims, entries[i].id);
        float *values = values_of(w, entries[i].id);
        size_t n_bytes;
        unsigned char *bytes = encoded(dtype, values, shape.n_rows, shape.n_cols, NULL, &n_bytes);
        put(file, bytes, n_bytes);
        free(bytes);
        free(values);
    }
    close_file(file);
}

static void write_config(const weights *w, const char *folder) {
    const am_dims *d = &w->dims;
    FILE *file = create_file(folder, "config.json");
    fprintf(file,
            "{\"num_mel_bins\": %d, \"vocab_size\": %d, \"d_model\": %d, "
            "\"encoder_attention_heads\": %d, \"decoder_attention_heads\": %d, "
            "\"encoder_ffn_dim\": %d, \"decoder_ffn_dim\": %d, \"encoder_layers\": %d, "
            "\"decoder_layers\": %d, \"max_source_positions\": %d, "
            "\"max_target_positions\": %d}\n",
            d->n_mels, d->n_vocab, d->d_model, d->n_heads, d->n_heads, d->d_ff, d->d_ff,
            d->n_encoder_layers, d->n_decoder_layers, d->n_audio_ctx, d->n_text_ctx);
    close_file(file);
    file = create_file(folder, "generation_config.json");
    fprintf(file, "{\"alignment_heads\": [");
    for (size_t i = 0; i < w->n_heads; i++) {
        fprintf(file, "%s[%d, %d]", i == 0 ? "" : ", ", w->heads[i].layer, w->heads[i].head);
    }
    fprintf(file, "]}\n");
    close_file(file);
}

void weights_write_safetensors(const weights *w, am_dtype dtype, int n_shards,
                               const char *folder) {
    entry *entries;
    const size_t n = list_tensors(w, &entries);
    make_folder(folder);
    write_config(w, folder);
    write_tokenizer_json(w, folder);
    if (n_shards == 1) {
        write_shard(w, entries, n, dtype, folder, "model.safetensors");
        free(entries);
        return;
    }
    FILE *index = create_file(folder, "model.safetensors.index.json");
    fputs("{\"metadata\": {}, \"weight_map\": {", index);
    for (int shard = 0; shard < n_shards; shard++) {
        const size_t first = n * (size_t)shard / (size_t)n_shards;
        const size_t end = n * ((size_t)shard + 1) / (size_t)n_shards;
        char name[64];
        snprintf(name, sizeof name, "model-%05d-of-%05d.safetensors", shard + 1, n_shards);
        write_shard(w, entries + first, end - first, dtype, folder, name);
        for (size_t i = first; i < end; i++) {
            fprintf(index, "%s\"%s\": \"%s\"", i == 0 ? "" : ", ", entries[i].name, name);
        }
    }
    fputs("}}\n", index);
    close_file(index);
    free(entries);
}
