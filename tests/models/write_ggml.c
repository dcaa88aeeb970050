/* Writes whisper.cpp's file: the inverse of src/model/ggml.c, names by convert-pt-to-ggml.py. */
#include <stdlib.h>
#include <string.h>

#include "features/mel_filters.h"
#include "writing.h"

static const char *const global_names[] = {
    [AM_T_CONV1_W] = "encoder.conv1.weight",
    [AM_T_CONV1_B] = "encoder.conv1.bias",
    [AM_T_CONV2_W] = "encoder.conv2.weight",
    [AM_T_CONV2_B] = "encoder.conv2.bias",
    [AM_T_ENC_POS] = "encoder.positional_embedding",
    [AM_T_ENC_LN_W] = "encoder.ln_post.weight",
    [AM_T_ENC_LN_B] = "encoder.ln_post.bias",
    [AM_T_TOKEN_EMB] = "decoder.token_embedding.weight",
    [AM_T_DEC_POS] = "decoder.positional_embedding",
    [AM_T_DEC_LN_W] = "decoder.ln.weight",
    [AM_T_DEC_LN_B] = "decoder.ln.bias",
};

static const char *const layer_names[] = {
    [AM_L_ATTN_LN_W] = "attn_ln.weight",
    [AM_L_ATTN_LN_B] = "attn_ln.bias",
    [AM_L_ATTN_Q_W] = "attn.query.weight",
    [AM_L_ATTN_Q_B] = "attn.query.bias",
    [AM_L_ATTN_K_W] = "attn.key.weight",
    [AM_L_ATTN_V_W] = "attn.value.weight",
    [AM_L_ATTN_V_B] = "attn.value.bias",
    [AM_L_ATTN_O_W] = "attn.out.weight",
    [AM_L_ATTN_O_B] = "attn.out.bias",
    [AM_L_CROSS_LN_W] = "cross_attn_ln.weight",
    [AM_L_CROSS_LN_B] = "cross_attn_ln.bias",
    [AM_L_CROSS_Q_W] = "cross_attn.query.weight",
    [AM_L_CROSS_Q_B] = "cross_attn.query.bias",
    [AM_L_CROSS_K_W] = "cross_attn.key.weight",
    [AM_L_CROSS_V_W] = "cross_attn.value.weight",
    [AM_L_CROSS_V_B] = "cross_attn.value.bias",
    [AM_L_CROSS_O_W] = "cross_attn.out.weight",
    [AM_L_CROSS_O_B] = "cross_attn.out.bias",
    [AM_L_MLP_LN_W] = "mlp_ln.weight",
    [AM_L_MLP_LN_B] = "mlp_ln.bias",
    [AM_L_FC1_W] = "mlp.0.weight",
    [AM_L_FC1_B] = "mlp.0.bias",
    [AM_L_FC2_W] = "mlp.2.weight",
    [AM_L_FC2_B] = "mlp.2.bias",
};

static size_t type_number(am_dtype dtype) {
    switch (dtype) {
    case AM_DTYPE_F32: return 0;
    case AM_DTYPE_F16: return 1;
    case AM_DTYPE_Q4_0: return 2;
    case AM_DTYPE_Q4_1: return 3;
    case AM_DTYPE_Q5_0: return 6;
    case AM_DTYPE_Q5_1: return 7;
    case AM_DTYPE_Q8_0: return 8;
    case AM_DTYPE_BF16: return 30;
    case AM_DTYPE_I8_ROWS:
    case AM_DTYPE_S8_PANELS:
    case AM_DTYPE_S4_PANELS: break;
    }
    abort();
}

/* f32 for vectors and positions; convolutions stay f16 in quantised files. */
static am_dtype type_of(const weights *w, tensor_id id, am_dtype dtype) {
    const bool global = id.stack < 0;
    if (shape_of(&w->dims, id).n_rows == 1) return AM_DTYPE_F32;
    if (global && (id.role == AM_T_ENC_POS || id.role == AM_T_DEC_POS)) return AM_DTYPE_F32;
    if (global && (id.role == AM_T_CONV1_W || id.role == AM_T_CONV2_W)) {
        return dtype == AM_DTYPE_F32 ? AM_DTYPE_F32 : AM_DTYPE_F16;
    }
    return dtype;
}

static void write_tensor(FILE *file, const weights *w, tensor_id id, am_dtype wanted,
                         const char *name) {
    const tensor_shape shape = shape_of(&w->dims, id);
    const am_dtype dtype = type_of(w, id, wanted);
    const bool convolution = id.stack < 0 && (id.role == AM_T_CONV1_W || id.role == AM_T_CONV2_W);
    const bool conv_bias = id.stack < 0 && (id.role == AM_T_CONV1_B || id.role == AM_T_CONV2_B);
    float *values = values_of(w, id);
    size_t n_bytes;
    unsigned char *bytes = encoded(dtype, values, shape.n_rows, shape.n_cols, NULL, &n_bytes);
    put_u32(file, convolution ? 3 : shape.n_rows > 1 || conv_bias ? 2 : 1);
    put_u32(file, strlen(name));
    put_u32(file, type_number(dtype));
    if (convolution) {
        put_u32(file, 3);
        put_u32(file, shape.n_cols / 3);
        put_u32(file, shape.n_rows);
    } else if (conv_bias) {
        put_u32(file, 1);
        put_u32(file, shape.n_cols);
    } else {
        put_u32(file, shape.n_cols);
        if (shape.n_rows > 1) put_u32(file, shape.n_rows);
    }
    put(file, name, strlen(name));
    put(file, bytes, n_bytes);
    free(bytes);
    free(values);
}

/* The mel filters of a model of whole size, so that whisper.cpp runs it; else two empty columns. */
static void put_filters(FILE *file, const am_dims *d) {
    const size_t n_fft = d->n_audio_ctx == 1500 ? 201 : 2;
    put_u32(file, (size_t)d->n_mels);
    put_u32(file, n_fft);
    const am_mel_bank *bank = d->n_mels == 80 ? &am__mel_bank_80 : &am__mel_bank_128;
    const float *at = bank->weights;
    for (int mel = 0; mel < d->n_mels; mel++) {
        float row[201] = {0};
        if (n_fft == 201) {
            const am_mel_band band = bank->bands[mel];
            memcpy(row + band.first_bin, at, (size_t)band.n_bins * sizeof *row);
            at += band.n_bins;
        }
        put(file, row, n_fft * sizeof *row);
    }
}

/* whisper.cpp's number of a file type; quantised ones carry the version of ggml's blocks, 2. */
static int file_type(am_dtype dtype) {
    switch (dtype) {
    case AM_DTYPE_F32: return 0;
    case AM_DTYPE_Q4_0: return 2002;
    case AM_DTYPE_Q4_1: return 2003;
    case AM_DTYPE_Q8_0: return 2007;
    case AM_DTYPE_Q5_0: return 2008;
    case AM_DTYPE_Q5_1: return 2009;
    default: return 1;
    }
}

void weights_write_ggml(const weights *w, am_dtype dtype, const char *path) {
    const am_dims *d = &w->dims;
    const int numbers[] = {d->n_vocab,    d->n_audio_ctx, d->d_model, d->n_heads,
                           d->n_encoder_layers, d->n_text_ctx,  d->d_model, d->n_heads,
                           d->n_decoder_layers, d->n_mels, file_type(dtype)};
    FILE *file = create_file(NULL, path);
    put_u32(file, 0x67676d6cu);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        put_u32(file, (size_t)numbers[i]);
    }
    put_filters(file, d);
    put_u32(file, n_ordinary_tokens(w));
    for (size_t id = 0; id < n_ordinary_tokens(w); id++) {
        char pair[2];
        const am_token_text token = ordinary_token(w, id, pair);
        put_u32(file, token.n_bytes);
        put(file, token.bytes, token.n_bytes);
    }
    for (int role = 0; role < AM_N_GLOBAL_ROLES; role++) {
        write_tensor(file, w, (tensor_id){-1, 0, role}, dtype, global_names[role]);
    }
    for (int stack = 0; stack < 2; stack++) {
        const int n_layers = stack == 1 ? d->n_decoder_layers : d->n_encoder_layers;
        for (int layer = 0; layer < n_layers; layer++) {
            for (int role = 0; role < AM_N_LAYER_ROLES; role++) {
                char name[128];
                if (stack == 0 && role >= AM_L_CROSS_LN_W && role <= AM_L_CROSS_O_B) continue;
                snprintf(name, sizeof name, "%s.blocks.%d.%s", stack == 1 ? "decoder" : "encoder",
                         layer, layer_names[role]);
                write_tensor(file, w, (tensor_id){stack, layer, role}, dtype, name);
            }
        }
    }
    close_file(file);
}
