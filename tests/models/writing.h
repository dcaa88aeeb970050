/* Shared by the writers of model files: output that must succeed, shapes, vocabulary. */
#ifndef AM_TESTS_MODELS_WRITING_H
#define AM_TESTS_MODELS_WRITING_H

#include <stdio.h>

#include "weights.h"

typedef struct tensor_shape {
    size_t n_rows, n_cols;
} tensor_shape;

tensor_shape shape_of(const am_dims *dims, tensor_id id);

FILE *create_file(const char *folder, const char *name); /* folder NULL: `name` is the path */
void close_file(FILE *file);
void put(FILE *file, const void *bytes, size_t n);
void put_u8(FILE *file, unsigned value);
void put_u16(FILE *file, unsigned value);
void put_u32(FILE *file, size_t value);
void make_folder(const char *folder);
void *allocate(size_t n, size_t size);

/* The tensor's values, and its encoding; the caller frees. */
float *values_of(const weights *w, tensor_id id);
/* n values as `dtype` rows of n_cols; *scales as in encode_rows, or NULL. */
unsigned char *encoded(am_dtype dtype, const float *values, size_t n_rows, size_t n_cols,
                       float *scales, size_t *n_bytes);

/* Number of tokens before the special ones. */
size_t n_ordinary_tokens(const weights *w);
/* Bytes of token `id` of the ordinary ones; `pair` is room for a generated token. */
am_token_text ordinary_token(const weights *w, size_t id, char pair[2]);
/* Writes an ordinary token the way tokenizer files do; JSON-escaped when `json`. */
void put_mapped_token(FILE *file, am_token_text token, bool json);
/* {"model": {"vocab": …}}, as far as a reader of vocabularies looks. */
void write_tokenizer_json(const weights *w, const char *folder);

#endif
