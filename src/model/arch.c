/*
 * The geometry of Whisper: which tensors a model has, of which shape (the table of model.h), and
 * the binding of a file's tensors to them. Knows no file format.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/reader.h"

am_status am__raw_push(am_raw_list *list, const am_raw_tensor *tensor, const char *source,
                       am_error *error) {
    if (list->n == list->capacity) {
        if (list->n >= AM_MAX_TENSORS) {
            AM_FAIL(error, AM_E_MODEL, "%s: more than %d tensors", source, AM_MAX_TENSORS);
        }
        const size_t capacity = list->capacity == 0 ? 256 : 2 * list->capacity;
        am_raw_tensor *fresh = NULL;
        AM_TRY(AM_NEW_RAW(&fresh, capacity, error));
        if (list->n > 0) memcpy(fresh, list->items, list->n * sizeof *fresh);
        am__free(list->items);
        list->items = fresh;
        list->capacity = capacity;
    }
    list->items[list->n++] = *tensor;
    return AM_OK;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(((const am_raw_tensor *)a)->name, ((const am_raw_tensor *)b)->name);
}

am_status am__raw_sort(am_raw_list *list, const char *source, am_error *error) {
    if (list->n > 1) qsort(list->items, list->n, sizeof *list->items, compare_names);
    for (size_t i = 1; i < list->n; i++) {
        if (compare_names(&list->items[i - 1], &list->items[i]) == 0) {
            AM_FAIL(error, AM_E_MODEL, "%s: tensor %s is there twice", source,
                    list->items[i].name);
        }
    }
    return AM_OK;
}

am_raw_tensor *am__raw_find(const am_raw_list *list, const char *name) {
    const am_raw_tensor key = {.name = name};
    if (list->n == 0) return NULL;
    return bsearch(&key, list->items, list->n, sizeof key, compare_names);
}

void am__raw_free(am_raw_list *list) {
    am__free(list->items);
    *list = (am_raw_list){0};
}

/* "[384, 80, 3]" */
static const char *shape_text(const am_raw_tensor *tensor, char *text, size_t size) {
    size_t used = (size_t)snprintf(text, size, "[");
    for (size_t i = 0; i < tensor->rank && used < size; i++) {
        used += (size_t)snprintf(text + used, size - used, i == 0 ? "%zu" : ", %zu",
                                 tensor->shape[i]);
    }
    if (used < size) snprintf(text + used, size - used, "]");
    return text;
}

am_status am__raw_n_bytes(const am_raw_tensor *tensor, const char *source, size_t *n_bytes,
                          am_error *error) {
    char text[128];
    const size_t n_inner = tensor->rank == 0 ? 1 : tensor->shape[tensor->rank - 1];
    *n_bytes = am__dtype_row_bytes(tensor->dtype, n_inner);
    bool fits = *n_bytes > 0 || n_inner == 0;
    for (size_t i = 0; i + 1 < tensor->rank; i++) {
        fits = fits && am__mul(*n_bytes, tensor->shape[i], n_bytes);
    }
    if (!fits) {
        AM_FAIL(error, AM_E_MODEL, "%s: tensor %s cannot be %s of %s", source, tensor->name,
                shape_text(tensor, text, sizeof text), tensor->type);
    }
    return AM_OK;
}

am_status am__dims_check(const am_dims *dims, const char *source, am_error *error) {
    const am_dims *d = dims;
    const struct {
        const char *name;
        int value, min, max;
    } ranges[] = {
        {"vocabulary size", d->n_vocab, 1, 1 << 18},
        {"model width", d->d_model, 64, 4096},
        {"encoder layers", d->n_encoder_layers, 1, AM_MAX_LAYERS},
        {"decoder layers", d->n_decoder_layers, 1, AM_MAX_LAYERS},
        {"audio positions", d->n_audio_ctx, 1, 1500},
        {"text positions", d->n_text_ctx, 1, 448},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        if (ranges[i].value < ranges[i].min || ranges[i].value > ranges[i].max) {
            AM_FAIL(error, AM_E_UNSUPPORTED, "%s: %s is %d, expected %d to %d", source,
                    ranges[i].name, ranges[i].value, ranges[i].min, ranges[i].max);
        }
    }
    if (d->n_mels != 80 && d->n_mels != 128) {
        AM_FAIL(error, AM_E_UNSUPPORTED, "%s: %d mel bins, expected 80 or 128", source, d->n_mels);
    }
    if (d->d_model % 64 != 0 || d->n_heads != d->d_model / 64) {
        AM_FAIL(error, AM_E_UNSUPPORTED, "%s: %d heads in width %d, expected heads of 64", source,
                d->n_heads, d->d_model);
    }
    if (d->d_ff != 4 * d->d_model) {
        AM_FAIL(error, AM_E_UNSUPPORTED, "%s: MLP of %d in width %d, expected 4 times the width",
                source, d->d_ff, d->d_model);
    }
    return AM_OK;
}

typedef struct shape {
    size_t n_rows, n_cols;
} shape;

static shape global_shape(const am_dims *d, am_global_role role) {
    switch (role) {
#define SHAPE_CASE(name, rows, cols)                                                               \
    case AM_T_##name: return (shape){(size_t)(rows), (size_t)(cols)};
        AM_GLOBAL_TENSORS(SHAPE_CASE)
#undef SHAPE_CASE
    case AM_N_GLOBAL_ROLES: break;
    }
    return (shape){0, 0};
}

static shape layer_shape(const am_dims *d, am_layer_role role) {
    switch (role) {
#define SHAPE_CASE(name, rows, cols)                                                               \
    case AM_L_##name: return (shape){(size_t)(rows), (size_t)(cols)};
        AM_LAYER_TENSORS(SHAPE_CASE)
#undef SHAPE_CASE
    case AM_N_LAYER_ROLES: break;
    }
    return (shape){0, 0};
}

/* Whether a file's shape is n_parts of [rows, cols] stacked, a vector's rows being its columns.
 * Convolutions have rank 3 with three kernel positions innermost. */
static bool shape_matches(const am_raw_tensor *raw, shape want, size_t n_parts) {
    size_t n = 1;
    for (size_t i = 0; i < raw->rank; i++) n *= raw->shape[i];
    if (n != n_parts * want.n_rows * want.n_cols) return false;
    if (want.n_rows == 1) return true;
    if (raw->rank < 2 || raw->rank > 3 || raw->shape[0] != n_parts * want.n_rows) return false;
    return raw->rank == 2 || raw->shape[2] == 3;
}

static am_status bind_tensor(const am_model *model, const am_raw_list *list, const char *name,
                             const am_tensor_place *place, shape want, am_tensor *tensor,
                             am_error *error) {
    char text[128];
    const am_raw_tensor *raw = am__raw_find(list, name);
    if (raw == NULL) {
        AM_FAIL(error, AM_E_MODEL, "%s: tensor %s is missing", model->path, name);
    }
    if (!raw->readable) {
        AM_FAIL(error, AM_E_UNSUPPORTED, "%s: tensor %s is %s, which is not supported",
                model->path, name, raw->type);
    }
    const size_t n_parts = place->n_parts == 0 ? 1 : place->n_parts;
    if (!shape_matches(raw, want, n_parts)) {
        AM_FAIL(error, AM_E_MODEL, "%s: tensor %s has shape %s, expected [%zu, %zu]", model->path,
                name, shape_text(raw, text, sizeof text), n_parts * want.n_rows, want.n_cols);
    }
    const bool scaled = raw->dtype == AM_DTYPE_I8_ROWS || raw->dtype == AM_DTYPE_S8_PANELS ||
                        raw->dtype == AM_DTYPE_S4_PANELS;
    if (scaled && (raw->scales == NULL || want.n_rows == 1)) {
        AM_FAIL(error, AM_E_MODEL, "%s: tensor %s is int8 without scales", model->path, name);
    }
    const size_t row_bytes = am__dtype_row_bytes(raw->dtype, want.n_cols);
    if (row_bytes == 0) {
        AM_FAIL(error, AM_E_MODEL, "%s: tensor %s: rows of %zu do not fill blocks of %s",
                model->path, name, want.n_cols, raw->type);
    }
    const size_t first_row = place->part * want.n_rows;
    *tensor = (am_tensor){
        .name = raw->name,
        .dtype = raw->dtype,
        .n_rows = want.n_rows,
        .n_cols = want.n_cols,
        .data = raw->data + first_row * row_bytes,
        .scales = raw->scales == NULL ? NULL : raw->scales + first_row * sizeof(float),
    };
    return AM_OK;
}

static bool is_cross(am_layer_role role) {
    return role >= AM_L_CROSS_LN_W && role <= AM_L_CROSS_O_B;
}

am_status am__model_bind(am_model *model, const am_raw_list *list, const am_naming *naming,
                         am_error *error) {
    const am_dims *d = &model->dims;
    for (int role = 0; role < AM_N_GLOBAL_ROLES; role++) {
        const am_tensor_place *place = &naming->global[role];
        AM_TRY(bind_tensor(model, list, place->name, place, global_shape(d, (am_global_role)role),
                           &model->global[role], error));
    }
    for (int decoder = 0; decoder < 2; decoder++) {
        const char *stack = decoder != 0 ? "decoder" : "encoder";
        const int n_layers = decoder != 0 ? d->n_decoder_layers : d->n_encoder_layers;
        AM_TRY(AM_ARENA_NEW(&model->arena, &model->layers[decoder],
                            (size_t)n_layers * AM_N_LAYER_ROLES, error));
        for (int layer = 0; layer < n_layers; layer++) {
            for (int role = 0; role < AM_N_LAYER_ROLES; role++) {
                if (decoder == 0 && is_cross((am_layer_role)role)) continue;
                const am_tensor_place *place = &naming->layer[role];
                char name[128];
                snprintf(name, sizeof name, naming->layer_format, stack, layer, place->name);
                AM_TRY(bind_tensor(model, list, name, place,
                                   layer_shape(d, (am_layer_role)role),
                                   &model->layers[decoder][layer * AM_N_LAYER_ROLES + role],
                                   error));
            }
        }
    }
    return AM_OK;
}
