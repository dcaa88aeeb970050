/*
 * What the format readers share: the model under construction, the list of tensors as the file
 * names them, and the binding of those names to the roles of model.h. A format is a parser that
 * fills the list, plus a table of names.
 */
#ifndef AM_MODEL_READER_H
#define AM_MODEL_READER_H

#include "base/arena.h"
#include "base/json.h"
#include "base/path.h"
#include "model/file.h"
#include "model/model.h"

#define AM_MAX_SHARDS 64
#define AM_MAX_RANK 4
#define AM_MAX_TENSORS 16384
#define AM_MAX_LAYERS 64

struct am_model {
    am_map maps[AM_MAX_SHARDS];
    size_t n_maps;
    am_arena arena; /* owns all that follows and is not in a map */
    const char *path;
    const char *format;
    am_dims dims;
    am_tensor global[AM_N_GLOBAL_ROLES];
    bool in_place;
    am_tensor *layers[2]; /* [decoder][layer * AM_N_LAYER_ROLES + role] */
    am_token_text *vocabulary; /* [n_vocab] */
    am_head_id *alignment_heads;
    size_t n_alignment_heads;
};

/* A tensor as the file has it, outermost dimension first. */
typedef struct am_raw_tensor {
    const char *name; /* owned by the model's arena */
    const char *type; /* the file's word for its element type */
    bool readable;    /* false: `type` has no am_dtype, only n_bytes and data are valid */
    am_dtype dtype;
    size_t rank;
    size_t shape[AM_MAX_RANK];
    const unsigned char *data;
    size_t n_bytes;
    const unsigned char *scales; /* f32 [shape[0]] of I8_ROWS and panels */
} am_raw_tensor;

typedef struct am_raw_list {
    am_raw_tensor *items;
    size_t n, capacity;
} am_raw_list;

/* Appends; E_MODEL past AM_MAX_TENSORS. */
AM_CHECK_RESULT am_status am__raw_push(am_raw_list *list, const am_raw_tensor *tensor,
                                       const char *source, am_error *error);
/* Sorts by name, for am__raw_find; E_MODEL when a name is there twice. */
AM_CHECK_RESULT am_status am__raw_sort(am_raw_list *list, const char *source, am_error *error);
am_raw_tensor *am__raw_find(const am_raw_list *list, const char *name);
void am__raw_free(am_raw_list *list);

/* Bytes that shape and dtype take; E_MODEL when they overflow or do not fill whole blocks. */
AM_CHECK_RESULT am_status am__raw_n_bytes(const am_raw_tensor *tensor, const char *source,
                                          size_t *n_bytes, am_error *error);

/* Where a format keeps a role: part `part` of `n_parts` equal row ranges of a tensor, 0: whole. */
typedef struct am_tensor_place {
    const char *name;
    uint8_t part, n_parts;
} am_tensor_place;

typedef struct am_naming {
    const char *layer_format; /* printf format of stack ("encoder"), layer number, name */
    am_tensor_place global[AM_N_GLOBAL_ROLES];
    am_tensor_place layer[AM_N_LAYER_ROLES];
} am_naming;

/* E_UNSUPPORTED for a geometry that is no Whisper model's. */
AM_CHECK_RESULT am_status am__dims_check(const am_dims *dims, const char *source, am_error *error);

/* Fills the model's tables from the list by its dims, which must have been checked. */
AM_CHECK_RESULT am_status am__model_bind(am_model *model, const am_raw_list *list,
                                         const am_naming *naming, am_error *error);

/* Bytes of a row of n_cols elements; 0 when n_cols does not fill whole blocks. */
size_t am__dtype_row_bytes(am_dtype dtype, size_t n_cols);
const char *am__dtype_name(am_dtype dtype);

/* Maps another file of the model, closed with it. */
AM_CHECK_RESULT am_status am__model_map(am_model *model, const char *path, const am_map **map,
                                        am_error *error);

/* Parses FOLDER/NAME; *json stays NULL when the file is absent and `required` is false. */
AM_CHECK_RESULT am_status am__model_json(const char *folder, const char *name, bool required,
                                         am_json **json, am_error *error);

/*
 * The vocabulary. Readers make the table, put what the file has, and finish it: the special
 * tokens and timestamps of a known vocabulary size are set by openai/whisper's layout, whatever
 * the file called them.
 */
AM_CHECK_RESULT am_status am__vocabulary_new(am_model *model, am_error *error);
/* An id past the vocabulary is ignored: tokenizer files may list more than the model has. */
AM_CHECK_RESULT am_status am__vocabulary_put(am_model *model, size_t id, const char *bytes,
                                             size_t n_bytes, am_error *error);
AM_CHECK_RESULT am_status am__vocabulary_finish(am_model *model, am_error *error);
/* From tokenizer.json, vocabulary.json, vocab.json or vocabulary.txt, the first that is there. */
AM_CHECK_RESULT am_status am__vocabulary_from_folder(am_model *model, const char *folder,
                                                     am_error *error);

/* From a JSON array of [layer, head] pairs; NULL = the published heads of a known size. */
AM_CHECK_RESULT am_status am__alignment_heads_set(am_model *model, am_json *pairs,
                                                  const char *source, am_error *error);

/* The readers; `model` has path and arena. */
AM_CHECK_RESULT am_status am__ct2_read(am_model *model, am_error *error);
AM_CHECK_RESULT am_status am__ggml_read(am_model *model, am_error *error);
AM_CHECK_RESULT am_status am__safetensors_read(am_model *model, am_error *error);
AM_CHECK_RESULT am_status am__amn_read(am_model *model, am_error *error);

#endif
