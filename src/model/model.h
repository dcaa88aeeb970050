/*
 * A Whisper model as it lies on disk, whatever the format: dimensions, tensors, vocabulary.
 *
 * Readers (CTranslate2, ggml, Hugging Face, our own .amn) map the file, check every length against
 * it and fill the same declarative table of tensors. Tensor data stays in the map (borrowed from
 * the am_model); conversion to f32 happens when a consumer asks for it, and what .amn holds packed
 * for the kernels is used where it lies.
 */
#ifndef AM_MODEL_MODEL_H
#define AM_MODEL_MODEL_H

#include "base/status.h"
#include "text/tokenizer.h"

typedef struct am_dims {
    int n_mels;           /* 80 or 128 */
    int n_vocab;          /* 51864 English-only, 51865, 51866 (large-v3, turbo) */
    int d_model;          /* a multiple of 64: every Whisper head is 64 wide */
    int n_heads;          /* d_model / 64, the same in encoder and decoder */
    int d_ff;             /* 4 * d_model */
    int n_encoder_layers;
    int n_decoder_layers;
    int n_audio_ctx;      /* 1500 */
    int n_text_ctx;       /* 448 */
} am_dims;

typedef enum am_dtype {
    AM_DTYPE_F32,
    AM_DTYPE_F16,
    AM_DTYPE_BF16,
    AM_DTYPE_I8_ROWS, /* CTranslate2 int8: one f32 scale per row beside it, value / scale */
    AM_DTYPE_Q8_0,    /* ggml blocks of 32 */
    AM_DTYPE_Q5_0,
    AM_DTYPE_Q5_1,
    AM_DTYPE_Q4_0,
    AM_DTYPE_Q4_1,
    AM_DTYPE_S8_PANELS, /* .amn: packed as am__s8_stored, one f32 scale per row; value * scale is
                         * the row rotated, over am__rotation (kernels/rotate_f32.h) */
    AM_DTYPE_S4_PANELS, /* the same in four bits, of kernels/gemm_s4.h */
} am_dtype;

/* A row-major matrix [n_rows, n_cols]; a vector has n_rows 1. Convolutions: [out, in * 3] with
 * the kernel position innermost, as PyTorch stores [out, in, 3]; outermost if panels. */
typedef struct am_tensor {
    const char *name;    /* in the file, for messages; borrowed */
    am_dtype dtype;
    size_t n_rows, n_cols;
    const void *data;    /* borrowed from the map, may be unaligned; NULL = absent (key bias) */
    const void *scales;  /* f32 [n_rows] for I8_ROWS and panels, may be unaligned, else NULL */
} am_tensor;

/* XX(role, rows, columns): of the model as a whole. Expressions see `d` (const am_dims *). */
#define AM_GLOBAL_TENSORS(XX)                                                                      \
    XX(CONV1_W, d->d_model, d->n_mels * 3)                                                         \
    XX(CONV1_B, 1, d->d_model)                                                                     \
    XX(CONV2_W, d->d_model, d->d_model * 3)                                                        \
    XX(CONV2_B, 1, d->d_model)                                                                     \
    XX(ENC_POS, d->n_audio_ctx, d->d_model)                                                        \
    XX(ENC_LN_W, 1, d->d_model)                                                                    \
    XX(ENC_LN_B, 1, d->d_model)                                                                    \
    XX(TOKEN_EMB, d->n_vocab, d->d_model)                                                          \
    XX(DEC_POS, d->n_text_ctx, d->d_model)                                                         \
    XX(DEC_LN_W, 1, d->d_model)                                                                    \
    XX(DEC_LN_B, 1, d->d_model)

/* Of each layer; the CROSS_ ones only in the decoder. Key projections have no bias. */
#define AM_LAYER_TENSORS(XX)                                                                       \
    XX(ATTN_LN_W, 1, d->d_model)                                                                   \
    XX(ATTN_LN_B, 1, d->d_model)                                                                   \
    XX(ATTN_Q_W, d->d_model, d->d_model)                                                           \
    XX(ATTN_Q_B, 1, d->d_model)                                                                    \
    XX(ATTN_K_W, d->d_model, d->d_model)                                                           \
    XX(ATTN_V_W, d->d_model, d->d_model)                                                           \
    XX(ATTN_V_B, 1, d->d_model)                                                                    \
    XX(ATTN_O_W, d->d_model, d->d_model)                                                           \
    XX(ATTN_O_B, 1, d->d_model)                                                                    \
    XX(CROSS_LN_W, 1, d->d_model)                                                                  \
    XX(CROSS_LN_B, 1, d->d_model)                                                                  \
    XX(CROSS_Q_W, d->d_model, d->d_model)                                                          \
    XX(CROSS_Q_B, 1, d->d_model)                                                                   \
    XX(CROSS_K_W, d->d_model, d->d_model)                                                          \
    XX(CROSS_V_W, d->d_model, d->d_model)                                                          \
    XX(CROSS_V_B, 1, d->d_model)                                                                   \
    XX(CROSS_O_W, d->d_model, d->d_model)                                                          \
    XX(CROSS_O_B, 1, d->d_model)                                                                   \
    XX(MLP_LN_W, 1, d->d_model)                                                                    \
    XX(MLP_LN_B, 1, d->d_model)                                                                    \
    XX(FC1_W, d->d_ff, d->d_model)                                                                 \
    XX(FC1_B, 1, d->d_ff)                                                                          \
    XX(FC2_W, d->d_model, d->d_ff)                                                                 \
    XX(FC2_B, 1, d->d_model)

typedef enum am_global_role {
#define AM_ROLE_ENUM(role, rows, cols) AM_T_##role,
    AM_GLOBAL_TENSORS(AM_ROLE_ENUM) AM_N_GLOBAL_ROLES
#undef AM_ROLE_ENUM
} am_global_role;

typedef enum am_layer_role {
#define AM_ROLE_ENUM(role, rows, cols) AM_L_##role,
    AM_LAYER_TENSORS(AM_ROLE_ENUM) AM_N_LAYER_ROLES
#undef AM_ROLE_ENUM
} am_layer_role;

typedef struct am_head_id {
    int layer, head;
} am_head_id;

/* Bytes of one token of the vocabulary, not zero-terminated, borrowed from the model; specials
 * have their text, "<|en|>". */
typedef am_token_bytes am_token_text;

typedef struct am_model am_model;

/*
 * Opens a CTranslate2 or Hugging Face directory, a ggml or an .amn file, checks the presence and
 * shape of every tensor of the table. Errors: E_NOT_FOUND, E_IO, E_MODEL, E_UNSUPPORTED, E_MEMORY.
 */
AM_CHECK_RESULT am_status am__model_open(const char *path, am_model **model, am_error *error);
void am__model_close(am_model **model);

const am_dims *am__model_dims(const am_model *model);
const char *am__model_format(const am_model *model); /* "CTranslate2", "ggml", … "amn" */
bool am__model_multilingual(const am_model *model);  /* n_vocab >= 51865 */

const am_tensor *am__model_global(const am_model *model, am_global_role role);
/* `decoder` picks the stack; layer counts from 0. */
const am_tensor *am__model_layer(const am_model *model, bool decoder, int layer,
                                 am_layer_role role);

/* Whether the linear layers' weights are S8_PANELS: what is made of them then borrows from the
 * model, which must outlive it, and there are no others to compute in f32 with. */
bool am__model_in_place(const am_model *model);
/* Whether what a decoder step reads is S4_PANELS. */
bool am__model_four_bits(const am_model *model);

/* n_vocab entries indexed by token id. */
const am_token_text *am__model_vocabulary(const am_model *model, size_t *n_tokens);

/* Heads whose cross-attention follows the audio: from the file, else the published ones of a
 * known size, else all heads of the upper half of the decoder (openai/whisper model.py). */
const am_head_id *am__model_alignment_heads(const am_model *model, size_t *n_heads);

/* Dequantises rows [row, row + n_rows) to f32: out [n_rows, n_cols]. */
void am__tensor_rows_f32(const am_tensor *tensor, size_t row, size_t n_rows, float *out);

#endif
