/*
 * Weights to write as model files of every format, from a seed or from an opened model: for tests
 * of the readers, for geometries nobody has weights of, and for the proof that formats agree.
 * Test support: a failure to write ends the program with a message.
 */
#ifndef AM_TESTS_MODELS_WEIGHTS_H
#define AM_TESTS_MODELS_WEIGHTS_H

#include "model/model.h"

typedef struct weights weights;

/* Which tensor: stack 0 = encoder, 1 = decoder, -1 = a global role. */
typedef struct tensor_id {
    int stack, layer, role;
} tensor_id;

struct weights {
    am_dims dims;
    /* Stores the n elements of a tensor; all are exact in f16. */
    void (*fill)(const weights *self, tensor_id id, size_t n, float *out);
    const am_head_id *heads; /* for alignment; ggml files do not hold them */
    size_t n_heads;
    const am_model *model; /* of weights_of_model */
    uint64_t seed;         /* of weights_random */
};

/*
 * Seeded weights, scaled so that activations stay of order one at any depth. d_model, layers,
 * n_mels, n_vocab and positions are taken from `dims`; heads and d_ff follow from d_model. The
 * vocabulary is byte-level: 256 single bytes, then pairs, then the special tokens of its size.
 */
weights weights_random(const am_dims *dims, uint64_t seed);
weights weights_of_model(const am_model *model); /* f16 weights; borrowed */

/* A ggml file; matrices as `dtype`, vectors and positions f32, as whisper.cpp converts. */
void weights_write_ggml(const weights *w, am_dtype dtype, const char *path);

/* A CTranslate2 folder (made if absent); f32, f16, bf16 or I8_ROWS. */
void weights_write_ct2(const weights *w, am_dtype dtype, const char *folder);

/* A Hugging Face folder (made if absent); f32, f16 or bf16, in n_shards files. */
void weights_write_safetensors(const weights *w, am_dtype dtype, int n_shards,
                               const char *folder);

#endif
