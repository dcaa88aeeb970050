/* Writes a CTranslate2 folder: the inverse of src/model/ct2.c. */
#include <stdlib.h>
#include <string.h>

#include "writing.h"

static void put_string(FILE *file, const char *text) {
    put_u16(file, (unsigned)strlen(text) + 1);
    put(file, text, strlen(text) + 1);
}

static unsigned type_number(am_dtype dtype) {
    switch (dtype) {
    case AM_DTYPE_F32: return 0;
    case AM_DTYPE_I8_ROWS: return 1;
    case AM_DTYPE_F16: return 4;
    case AM_DTYPE_BF16: return 5;
    default: abort();
    }
}

static void put_head(FILE *file, const char *name, size_t rank, const size_t *shape,
                     unsigned type, size_t n_bytes) {
    put_string(file, name);
    put_u8(file, (unsigned)rank);
    for (size_t i = 0; i < rank; i++) put_u32(file, shape[i]);
    put_u8(file, type);
    put_u32(file, n_bytes);
}

static void put_number(FILE *file, const char *name, int value) {
    put_head(file, name, 0, NULL, 2, 2); /* int16 */
    put_u16(file, (unsigned)value);
}

/* Values [n_rows, n_cols] as one tensor; a vector when n_rows is 1. int8 is for matrices. */
static void put_values(FILE *file, const char *name, am_dtype wanted, const float *values,
                       size_t n_rows, size_t n_cols, bool convolution) {
    const size_t shape[3] = {n_rows > 1 ? n_rows : n_cols, convolution ? n_cols / 3 : n_cols, 3};
    const bool keep_f32 = wanted == AM_DTYPE_I8_ROWS && n_rows == 1;
    const am_dtype dtype = keep_f32 ? AM_DTYPE_F32 : wanted;
    float *scales = allocate(n_rows, sizeof *scales);
    size_t n_bytes;
    unsigned char *bytes = encoded(dtype, values, n_rows, n_cols, scales, &n_bytes);
    put_head(file, name, n_rows == 1 ? 1 : convolution ? 3 : 2, shape, type_number(dtype),
             n_bytes);
    put(file, bytes, n_bytes);
    if (dtype == AM_DTYPE_I8_ROWS) {
        char scale_name[160];
        snprintf(scale_name, sizeof scale_name, "%s_scale", name);
        put_head(file, scale_name, 1, shape, 0, n_rows * sizeof *scales);
        put(file, scales, n_rows * sizeof *scales);
    }
    free(bytes);
    free(scales);
}

/* Tensors that CTranslate2 stacks by rows; role -1 stands for zeros (the key bias). */
typedef struct stacked {
    const char *name;
    int roles[3];
    int n_roles;
    bool decoder_only;
} stacked;

static const stacked layer_tensors[] = {
    {"self_attention/layer_norm/gamma", {AM_L_ATTN_LN_W}, 1, false},
    {"self_attention/layer_norm/beta", {AM_L_ATTN_LN_B}, 1, false},
    {"self_attention/linear_0/weight", {AM_L_ATTN_Q_W, AM_L_ATTN_K_W, AM_L_ATTN_V_W}, 3, false},
    {"self_attention/linear_0/bias", {AM_L_ATTN_Q_B, -1, AM_L_ATTN_V_B}, 3, false},
    {"self_attention/linear_1/weight", {AM_L_ATTN_O_W}, 1, false},
    {"self_attention/linear_1/bias", {AM_L_ATTN_O_B}, 1, false},
    {"attention/layer_norm/gamma", {AM_L_CROSS_LN_W}, 1, true},
    {"attention/layer_norm/beta", {AM_L_CROSS_LN_B}, 1, true},
    {"attention/linear_0/weight", {AM_L_CROSS_Q_W}, 1, true},
    {"attention/linear_0/bias", {AM_L_CROSS_Q_B}, 1, true},
    {"attention/linear_1/weight", {AM_L_CROSS_K_W, AM_L_CROSS_V_W}, 2, true},
    {"attention/linear_1/bias", {-1, AM_L_CROSS_V_B}, 2, true},
    {"attention/linear_2/weight", {AM_L_CROSS_O_W}, 1, true},
    {"attention/linear_2/bias", {AM_L_CROSS_O_B}, 1, true},
    {"ffn/layer_norm/gamma", {AM_L_MLP_LN_W}, 1, false},
    {"ffn/layer_norm/beta", {AM_L_MLP_LN_B}, 1, false},
    {"ffn/linear_0/weight", {AM_L_FC1_W}, 1, false},
    {"ffn/linear_0/bias", {AM_L_FC1_B}, 1, false},
    {"ffn/linear_1/weight", {AM_L_FC2_W}, 1, false},
    {"ffn/linear_1/bias", {AM_L_FC2_B}, 1, false},
};

static const char *const global_names[] = {
    [AM_T_CONV1_W] = "encoder/conv1/weight",
    [AM_T_CONV1_B] = "encoder/conv1/bias",
    [AM_T_CONV2_W] = "encoder/conv2/weight",
    [AM_T_CONV2_B] = "encoder/conv2/bias",
    [AM_T_ENC_POS] = "encoder/position_encodings/encodings",
    [AM_T_ENC_LN_W] = "encoder/layer_norm/gamma",
    [AM_T_ENC_LN_B] = "encoder/layer_norm/beta",
    [AM_T_TOKEN_EMB] = "decoder/embeddings/weight",
    [AM_T_DEC_POS] = "decoder/position_encodings/encodings",
    [AM_T_DEC_LN_W] = "decoder/layer_norm/gamma",
    [AM_T_DEC_LN_B] = "decoder/layer_norm/beta",
};

#define N_STACKED (sizeof layer_tensors / sizeof layer_tensors[0])

static void put_stacked(FILE *file, const weights *w, int stack, int layer, const stacked *s,
                        am_dtype dtype) {
    char name[128];
    const tensor_shape shape = shape_of(&w->dims, (tensor_id){stack, layer, s->roles[0] >= 0
                                                                                ? s->roles[0]
                                                                                : s->roles[1]});
    const size_t n_part = shape.n_rows * shape.n_cols;
    float *all = allocate(n_part * (size_t)s->n_roles, sizeof *all);
    for (int part = 0; part < s->n_roles; part++) {
        if (s->roles[part] < 0) continue;
        w->fill(w, (tensor_id){stack, layer, s->roles[part]}, n_part, all + (size_t)part * n_part);
    }
    snprintf(name, sizeof name, "%s/layer_%d/%s", stack == 1 ? "decoder" : "encoder", layer,
             s->name);
    const bool vector = shape.n_rows == 1;
    put_values(file, name, dtype, all, vector ? 1 : shape.n_rows * (size_t)s->n_roles,
               vector ? shape.n_cols * (size_t)s->n_roles : shape.n_cols, false);
    free(all);
}

static size_t count_tensors(const am_dims *d, am_dtype dtype) {
    size_t n = 2 + AM_N_GLOBAL_ROLES;
    if (dtype == AM_DTYPE_I8_ROWS) n += 5; /* scales of two convolutions and three tables */
    for (size_t i = 0; i < N_STACKED; i++) {
        const stacked *s = &layer_tensors[i];
        const bool scaled = dtype == AM_DTYPE_I8_ROWS && strstr(s->name, "weight") != NULL;
        const int n_layers = d->n_decoder_layers + (s->decoder_only ? 0 : d->n_encoder_layers);
        n += (size_t)n_layers * (scaled ? 2 : 1);
    }
    return n;
}

static void write_vocabulary(const weights *w, const char *folder) {
    FILE *file = create_file(folder, "vocabulary.txt");
    for (size_t id = 0; id < (size_t)w->dims.n_vocab; id++) {
        char pair[2];
        if (id < n_ordinary_tokens(w)) put_mapped_token(file, ordinary_token(w, id, pair), false);
        else fprintf(file, "<|%zu|>", id);
        put(file, "\n", 1);
    }
    close_file(file);
}

void weights_write_ct2(const weights *w, am_dtype dtype, const char *folder) {
    const am_dims *d = &w->dims;
    make_folder(folder);
    write_vocabulary(w, folder);
    FILE *config = create_file(folder, "config.json");
    fprintf(config, "{\"alignment_heads\": [");
    for (size_t i = 0; i < w->n_heads; i++) {
        fprintf(config, "%s[%d, %d]", i == 0 ? "" : ", ", w->heads[i].layer, w->heads[i].head);
    }
    fprintf(config, "]}\n");
    close_file(config);
    FILE *file = create_file(folder, "model.bin");
    put_u32(file, 6);
    put_string(file, "WhisperSpec");
    put_u32(file, 3);
    put_u32(file, count_tensors(d, dtype));
    put_number(file, "encoder/num_heads", d->n_heads);
    put_number(file, "decoder/num_heads", d->n_heads);
    for (int role = 0; role < AM_N_GLOBAL_ROLES; role++) {
        const tensor_id id = {-1, 0, role};
        const tensor_shape shape = shape_of(d, id);
        float *values = values_of(w, id);
        put_values(file, global_names[role], dtype, values, shape.n_rows, shape.n_cols,
                   role == AM_T_CONV1_W || role == AM_T_CONV2_W);
        free(values);
    }
    for (int stack = 0; stack < 2; stack++) {
        const int n_layers = stack == 1 ? d->n_decoder_layers : d->n_encoder_layers;
        for (int layer = 0; layer < n_layers; layer++) {
            for (size_t i = 0; i < N_STACKED; i++) {
                if (stack == 0 && layer_tensors[i].decoder_only) continue;
                put_stacked(file, w, stack, layer, &layer_tensors[i], dtype);
            }
        }
    }
    put_u32(file, 1);
    put_string(file, "decoder/projection/weight");
    put_string(file, "decoder/embeddings/weight");
    close_file(file);
}
