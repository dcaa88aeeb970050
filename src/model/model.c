/* Opening a model of any format, and access to what its reader filled in: see model.h. */
#include "model/model.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "model/amn.h"
#include "model/reader.h"

#define ARENA_BYTES_MAX ((size_t)256 << 20)

am_status am__model_map(am_model *model, const char *path, const am_map **map, am_error *error) {
    if (model->n_maps == AM_MAX_SHARDS) {
        AM_FAIL(error, AM_E_UNSUPPORTED, "%s: more than %d files of weights", model->path,
                AM_MAX_SHARDS);
    }
    AM_TRY(am__map_open(path, &model->maps[model->n_maps], error));
    *map = &model->maps[model->n_maps++];
    return AM_OK;
}

am_status am__model_json(const char *folder, const char *name, bool required, am_json **json,
                         am_error *error) {
    char path[AM_PATH_MAX];
    am_map file = {0};
    if (!required && !am__path_exists(folder, name)) return AM_OK;
    AM_TRY(am__path_join(folder, name, path, sizeof path, error));
    AM_TRY(am__map_open(path, &file, error));
    const am_status status = am__json_parse(file.n_bytes > 0 ? (const char *)file.bytes : "",
                                            file.n_bytes, path, AM_E_MODEL, json, error);
    am__map_close(&file);
    return status;
}

static am_status read_any(am_model *model, am_error *error) {
    struct stat info;
    if (stat(model->path, &info) != 0) return am__fail_errno(error, errno, "%s", model->path);
    if (S_ISDIR(info.st_mode)) {
        if (am__path_exists(model->path, "model.bin")) return am__ct2_read(model, error);
        if (am__path_exists(model->path, "model.safetensors") ||
            am__path_exists(model->path, "model.safetensors.index.json")) {
            return am__safetensors_read(model, error);
        }
        AM_FAIL(error, AM_E_MODEL, "%s: a folder without model.bin or model.safetensors",
                model->path);
    }
    bool is_amn;
    AM_TRY(am__amn_begins(model->path, &is_amn, error));
    return is_amn ? am__amn_read(model, error) : am__ggml_read(model, error);
}

am_status am__model_open(const char *path, am_model **model, am_error *error) {
    am_model *fresh = NULL;
    am_status status = AM_OK;
    AM_TRY(AM_NEW(&fresh, 1, error));
    am__arena_init(&fresh->arena, ARENA_BYTES_MAX);
    AM_TRY_DONE(am__arena_strndup(&fresh->arena, path, strlen(path), &fresh->path, error));
    AM_TRY_DONE(read_any(fresh, error));
    *model = fresh;
    fresh = NULL;
done:
    am__model_close(&fresh);
    return status;
}

void am__model_close(am_model **model) {
    if (model == NULL || *model == NULL) return;
    for (size_t i = 0; i < (*model)->n_maps; i++) am__map_close(&(*model)->maps[i]);
    am__arena_free(&(*model)->arena);
    am__free(*model);
    *model = NULL;
}

const am_dims *am__model_dims(const am_model *model) {
    return &model->dims;
}

const char *am__model_format(const am_model *model) {
    return model->format;
}

bool am__model_multilingual(const am_model *model) {
    return model->dims.n_vocab >= 51865;
}

const am_tensor *am__model_global(const am_model *model, am_global_role role) {
    return &model->global[role];
}

const am_tensor *am__model_layer(const am_model *model, bool decoder, int layer,
                                 am_layer_role role) {
    return &model->layers[decoder ? 1 : 0][layer * AM_N_LAYER_ROLES + (int)role];
}

bool am__model_in_place(const am_model *model) {
    return model->in_place;
}

bool am__model_four_bits(const am_model *model) {
    return am__model_layer(model, true, 0, AM_L_FC1_W)->dtype == AM_DTYPE_S4_PANELS;
}

const am_token_text *am__model_vocabulary(const am_model *model, size_t *n_tokens) {
    *n_tokens = (size_t)model->dims.n_vocab;
    return model->vocabulary;
}

const am_head_id *am__model_alignment_heads(const am_model *model, size_t *n_heads) {
    *n_heads = model->n_alignment_heads;
    return model->alignment_heads;
}
