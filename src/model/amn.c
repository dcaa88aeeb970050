/*
 * Reading .amn: header and table are checked whole, then every entry is a tensor of the list, in
 * the map. Checksums: header and table always; the entries that are copied when the model is
 * loaded (vectors, positions, vocabulary) when it is opened; panels, which are used in place and
 * never read whole, by am__amn_verify alone. Their values may be anything.
 */
#include "model/amn.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "kernels/gemm_s4.h"
#include "text/compress.h"

#define ALIGNMENT ((size_t)64)

const am_naming am__amn_naming = {
    .layer_format = "%s.layers.%d.%s",
    .global =
        {
            [AM_T_CONV1_W] = {"encoder.conv1.weight", 0, 1},
            [AM_T_CONV1_B] = {"encoder.conv1.bias", 0, 1},
            [AM_T_CONV2_W] = {"encoder.conv2.weight", 0, 1},
            [AM_T_CONV2_B] = {"encoder.conv2.bias", 0, 1},
            [AM_T_ENC_POS] = {"encoder.positions", 0, 1},
            [AM_T_ENC_LN_W] = {"encoder.ln.weight", 0, 1},
            [AM_T_ENC_LN_B] = {"encoder.ln.bias", 0, 1},
            [AM_T_TOKEN_EMB] = {AM_AMN_OUTPUT, 0, 1},
            [AM_T_DEC_POS] = {"decoder.positions", 0, 1},
            [AM_T_DEC_LN_W] = {"decoder.ln.weight", 0, 1},
            [AM_T_DEC_LN_B] = {"decoder.ln.bias", 0, 1},
        },
    .layer =
        {
            [AM_L_ATTN_LN_W] = {"attn_ln.weight", 0, 1},
            [AM_L_ATTN_LN_B] = {"attn_ln.bias", 0, 1},
            [AM_L_ATTN_Q_W] = {"attn_qkv.weight", 0, 3},
            [AM_L_ATTN_Q_B] = {"attn_qkv.bias", 0, 3},
            [AM_L_ATTN_K_W] = {"attn_qkv.weight", 1, 3},
            [AM_L_ATTN_V_W] = {"attn_qkv.weight", 2, 3},
            [AM_L_ATTN_V_B] = {"attn_qkv.bias", 2, 3},
            [AM_L_ATTN_O_W] = {"attn_out.weight", 0, 1},
            [AM_L_ATTN_O_B] = {"attn_out.bias", 0, 1},
            [AM_L_CROSS_LN_W] = {"cross_ln.weight", 0, 1},
            [AM_L_CROSS_LN_B] = {"cross_ln.bias", 0, 1},
            [AM_L_CROSS_Q_W] = {"cross_q.weight", 0, 1},
            [AM_L_CROSS_Q_B] = {"cross_q.bias", 0, 1},
            [AM_L_CROSS_K_W] = {"cross_kv.weight", 0, 2},
            [AM_L_CROSS_V_W] = {"cross_kv.weight", 1, 2},
            [AM_L_CROSS_V_B] = {"cross_kv.bias", 1, 2},
            [AM_L_CROSS_O_W] = {"cross_out.weight", 0, 1},
            [AM_L_CROSS_O_B] = {"cross_out.bias", 0, 1},
            [AM_L_MLP_LN_W] = {"mlp_ln.weight", 0, 1},
            [AM_L_MLP_LN_B] = {"mlp_ln.bias", 0, 1},
            [AM_L_FC1_W] = {"fc1.weight", 0, 1},
            [AM_L_FC1_B] = {"fc1.bias", 0, 1},
            [AM_L_FC2_W] = {"fc2.weight", 0, 1},
            [AM_L_FC2_B] = {"fc2.bias", 0, 1},
        },
};

static const struct {
    const char *name;
    bool readable; /* as a weight */
    bool in_place; /* not read at opening */
    am_dtype dtype;
    size_t n_bytes; /* of an element */
} kinds[AM_AMN_N_KINDS] = {
    [AM_AMN_F32] = {"f32", true, false, AM_DTYPE_F32, 4},
    [AM_AMN_F16] = {"f16", true, true, AM_DTYPE_F16, 2},
    [AM_AMN_PANELS] = {"int8 panels", true, true, AM_DTYPE_S8_PANELS, 0},
    [AM_AMN_U32] = {"u32", false, false, AM_DTYPE_F32, 4},
    [AM_AMN_BYTES] = {"bytes", false, false, AM_DTYPE_F32, 1},
    [AM_AMN_S4_PANELS] = {"int4 panels", true, true, AM_DTYPE_S4_PANELS, 0},
};

bool am__amn_align(size_t at, size_t *aligned) {
    if (!am__add(at, ALIGNMENT - 1, aligned)) return false;
    *aligned = *aligned / ALIGNMENT * ALIGNMENT;
    return true;
}

bool am__amn_n_bytes(am_amn_kind kind, size_t n_rows, size_t n_cols, size_t *n_bytes) {
    if (n_rows > UINT32_MAX || n_cols > UINT32_MAX) return false;
    if (kind == AM_AMN_S4_PANELS && !am__s4_fits(n_cols)) return false;
    if (kinds[kind].n_bytes != 0) return am__mul(n_rows * n_cols, kinds[kind].n_bytes, n_bytes);
    const size_t n_panels = (n_rows + am__s8_stored.nr - 1) / am__s8_stored.nr;
    return am__mul(n_panels,
                   kind == AM_AMN_PANELS ? am__s8_panel_bytes(&am__s8_stored, n_cols)
                                         : am__s4_panel_bytes(&am__s8_stored, n_cols),
                   n_bytes);
}

void am__amn_dims(am_dims *dims, int *fields[AM_AMN_N_DIMS]) {
    int *const all[AM_AMN_N_DIMS] = {
        &dims->n_mels,           &dims->n_vocab,          &dims->d_model,
        &dims->n_heads,          &dims->d_ff,             &dims->n_encoder_layers,
        &dims->n_decoder_layers, &dims->n_audio_ctx,      &dims->n_text_ctx,
    };
    memcpy(fields, all, sizeof all);
}

am_status am__amn_begins(const char *path, bool *is_amn, am_error *error) {
    am_map map;
    AM_TRY(am__map_open(path, &map, error));
    const size_t n = strlen(AM_AMN_MAGIC);
    *is_amn = map.n_bytes >= n && memcmp(map.bytes, AM_AMN_MAGIC, n) == 0;
    am__map_close(&map);
    return AM_OK;
}

/* A file whose header is right. */
typedef struct amn_file {
    const char *path;
    const unsigned char *bytes;
    size_t n_bytes;
    const unsigned char *table;
    size_t n_entries;
    size_t end; /* of the payloads read so far */
} amn_file;

static am_reader reader_at(const amn_file *file, const unsigned char *at, size_t n_bytes) {
    return (am_reader){.bytes = at, .n_bytes = n_bytes, .source = file->path};
}

static am_status read_header(const am_map *map, const char *path, amn_file *file,
                             am_error *error) {
    const unsigned char *magic;
    uint32_t version, n_entries;
    uint64_t n_bytes;
    am_reader reader = am__reader(map, path);
    AM_TRY(am__read_bytes(&reader, "header", AM_AMN_AT_VERSION, &magic, error));
    if (memcmp(magic, AM_AMN_MAGIC, AM_AMN_AT_VERSION) != 0) {
        AM_FAIL(error, AM_E_MODEL, "%s: no .amn file", path);
    }
    AM_TRY(am__read_u32(&reader, "version", &version, error));
    AM_TRY(am__read_u32(&reader, "number of entries", &n_entries, error));
    AM_TRY(am__read_u64(&reader, "size", &n_bytes, error));
    if (version != AM_AMN_VERSION) {
        AM_FAIL(error, AM_E_UNSUPPORTED, "%s: version %u of .amn, expected %d: quantize the model "
                "again", path, version, AM_AMN_VERSION);
    }
    const size_t table_bytes = (size_t)n_entries * AM_AMN_ENTRY_BYTES;
    if (n_bytes != map->n_bytes) {
        AM_FAIL(error, AM_E_MODEL, "%s: has %zu bytes, expected %llu", path, map->n_bytes,
                (unsigned long long)n_bytes);
    }
    if (n_entries > AM_MAX_TENSORS || n_bytes < AM_AMN_HEADER_BYTES + table_bytes) {
        AM_FAIL(error, AM_E_MODEL, "%s: %u entries do not fit", path, n_entries);
    }
    *file = (amn_file){.path = path,
                       .bytes = map->bytes,
                       .n_bytes = map->n_bytes,
                       .table = map->bytes + map->n_bytes - table_bytes,
                       .n_entries = n_entries,
                       .end = AM_AMN_HEADER_BYTES};
    uint32_t stated;
    reader = reader_at(file, map->bytes + AM_AMN_AT_CRC, sizeof stated);
    AM_TRY(am__read_u32(&reader, "checksum", &stated, error));
    uint32_t sum = am__crc32(0, file->bytes, AM_AMN_AT_CRC);
    sum = am__crc32(sum, file->table, table_bytes);
    if (sum != stated) {
        AM_FAIL(error, AM_E_MODEL, "%s: header or table is damaged: the checksum does not match",
                path);
    }
    return AM_OK;
}

/* Entry `index` as a tensor; *crc is what its payload should have. */
static am_status read_entry(amn_file *file, size_t index, am_raw_tensor *tensor,
                            am_amn_kind *kind_of, uint32_t *crc, am_error *error) {
    uint32_t kind, n_rows, n_cols;
    uint64_t offset, n_bytes;
    size_t want_offset, want_bytes;
    const unsigned char *name;
    am_reader reader = reader_at(file, file->table + index * AM_AMN_ENTRY_BYTES,
                                 AM_AMN_ENTRY_BYTES);
    AM_TRY(am__read_bytes(&reader, "name", AM_AMN_NAME_BYTES, &name, error));
    AM_TRY(am__read_u32(&reader, "kind", &kind, error));
    AM_TRY(am__read_u32(&reader, "rows", &n_rows, error));
    AM_TRY(am__read_u32(&reader, "columns", &n_cols, error));
    AM_TRY(am__read_u32(&reader, "checksum", crc, error));
    AM_TRY(am__read_u64(&reader, "offset", &offset, error));
    AM_TRY(am__read_u64(&reader, "size", &n_bytes, error));
    if (memchr(name, '\0', AM_AMN_NAME_BYTES) == NULL || name[0] == '\0') {
        AM_FAIL(error, AM_E_MODEL, "%s: entry %zu has no name", file->path, index);
    }
    const char *text = (const char *)name;
    if (kind >= AM_AMN_N_KINDS) {
        AM_FAIL(error, AM_E_MODEL, "%s: %s is of kind %u, expected 0 to %d", file->path, text, kind,
                AM_AMN_N_KINDS - 1);
    }
    if (!am__amn_n_bytes((am_amn_kind)kind, n_rows, n_cols, &want_bytes) ||
        want_bytes != n_bytes) {
        AM_FAIL(error, AM_E_MODEL, "%s: %s: [%u, %u] of %s do not make %llu bytes", file->path,
                text, n_rows, n_cols, kinds[kind].name, (unsigned long long)n_bytes);
    }
    const size_t limit = (size_t)(file->table - file->bytes);
    if (!am__amn_align(file->end, &want_offset) || offset != want_offset || offset > limit ||
        n_bytes > limit - offset) {
        AM_FAIL(error, AM_E_MODEL, "%s: %s: %llu bytes at offset %llu, expected at %zu of %zu",
                file->path, text, (unsigned long long)n_bytes, (unsigned long long)offset,
                want_offset, limit);
    }
    file->end = offset + n_bytes;
    *kind_of = (am_amn_kind)kind;
    *tensor = (am_raw_tensor){.name = text,
                              .type = kinds[kind].name,
                              .readable = kinds[kind].readable,
                              .dtype = kinds[kind].dtype,
                              .rank = 2,
                              .shape = {n_rows, n_cols},
                              .data = file->bytes + offset,
                              .n_bytes = want_bytes};
    return AM_OK;
}

static am_status check_payload(const amn_file *file, const am_raw_tensor *tensor, uint32_t crc,
                               am_error *error) {
    if (am__crc32(0, tensor->data, tensor->n_bytes) == crc) return AM_OK;
    AM_FAIL(error, AM_E_MODEL, "%s: %s is damaged: the checksum does not match", file->path,
            tensor->name);
}

static am_status read_table(amn_file *file, am_raw_list *list, am_error *error) {
    for (size_t i = 0; i < file->n_entries; i++) {
        am_raw_tensor tensor = {0};
        am_amn_kind kind = AM_AMN_F32;
        uint32_t crc = 0;
        AM_TRY(read_entry(file, i, &tensor, &kind, &crc, error));
        if (!kinds[kind].in_place) AM_TRY(check_payload(file, &tensor, crc, error));
        AM_TRY(am__raw_push(list, &tensor, file->path, error));
    }
    return am__raw_sort(list, file->path, error);
}

am_status am__amn_verify(const char *path, am_error *error) {
    am_map map;
    amn_file file;
    am_status status = AM_OK;
    AM_TRY(am__map_open(path, &map, error));
    AM_TRY_DONE(read_header(&map, path, &file, error));
    for (size_t i = 0; i < file.n_entries; i++) {
        am_raw_tensor tensor = {0};
        am_amn_kind kind = AM_AMN_F32;
        uint32_t crc = 0;
        AM_TRY_DONE(read_entry(&file, i, &tensor, &kind, &crc, error));
        AM_TRY_DONE(check_payload(&file, &tensor, crc, error));
    }
done:
    am__map_close(&map);
    return status;
}

static bool is_panels(am_dtype dtype) {
    return dtype == AM_DTYPE_S8_PANELS || dtype == AM_DTYPE_S4_PANELS;
}

static am_status attach_scales(const am_raw_list *list, const char *path, am_error *error) {
    for (size_t i = 0; i < list->n; i++) {
        am_raw_tensor *tensor = &list->items[i];
        if (!is_panels(tensor->dtype)) continue;
        char name[AM_AMN_NAME_BYTES + sizeof AM_AMN_SCALE];
        snprintf(name, sizeof name, "%s" AM_AMN_SCALE, tensor->name);
        const am_raw_tensor *scale = am__raw_find(list, name);
        if (scale == NULL || !scale->readable || scale->dtype != AM_DTYPE_F32 ||
            scale->n_bytes != tensor->shape[0] * sizeof(float)) {
            AM_FAIL(error, AM_E_MODEL, "%s: %s has no f32 scale for each of %zu rows", path,
                    tensor->name, tensor->shape[0]);
        }
        tensor->scales = scale->data;
    }
    return AM_OK;
}

static am_status read_dims(am_model *model, const amn_file *file, am_error *error) {
    int *fields[AM_AMN_N_DIMS];
    am__amn_dims(&model->dims, fields);
    am_reader reader = reader_at(file, file->bytes + AM_AMN_AT_DIMS,
                                 AM_AMN_N_DIMS * sizeof(uint32_t));
    for (size_t i = 0; i < AM_AMN_N_DIMS; i++) {
        uint32_t value;
        AM_TRY(am__read_u32(&reader, "dimension", &value, error));
        *fields[i] = value > INT32_MAX ? -1 : (int)value;
    }
    return am__dims_check(&model->dims, model->path, error);
}

/* Linear layers are panels, and nothing else is: so the model needs no other way through. */
static am_status check_kinds(const am_model *model, am_error *error) {
    const am_dims *d = &model->dims;
    const am_tensor *wrong = NULL;
    for (int role = 0; role < AM_N_GLOBAL_ROLES; role++) {
        const am_tensor *tensor = &model->global[role];
        const bool linear = role == AM_T_CONV2_W || role == AM_T_TOKEN_EMB;
        if (is_panels(tensor->dtype) != linear) wrong = tensor;
    }
    for (int decoder = 0; decoder < 2; decoder++) {
        const int n_layers = decoder != 0 ? d->n_decoder_layers : d->n_encoder_layers;
        for (int i = 0; i < n_layers * AM_N_LAYER_ROLES; i++) {
            const am_tensor *tensor = &model->layers[decoder][i];
            if (tensor->data == NULL) continue;
            if (is_panels(tensor->dtype) != (tensor->n_rows > 1)) wrong = tensor;
        }
    }
    if (wrong == NULL) return AM_OK;
    AM_FAIL(error, AM_E_MODEL, "%s: tensor %s cannot be %s", model->path, wrong->name,
            am__dtype_name(wrong->dtype));
}

/* An entry that is no weight. */
static am_status find_data(const am_model *model, const am_raw_list *list, const char *name,
                           am_amn_kind kind, const am_raw_tensor **found, am_error *error) {
    *found = am__raw_find(list, name);
    if (*found == NULL || strcmp((*found)->type, kinds[kind].name) != 0) {
        AM_FAIL(error, AM_E_MODEL, "%s: no entry %s of kind %s", model->path, name,
                kinds[kind].name);
    }
    return AM_OK;
}

static am_status read_vocabulary(am_model *model, const am_raw_list *list, am_error *error) {
    const am_raw_tensor *lengths, *bytes;
    const size_t n_vocab = (size_t)model->dims.n_vocab;
    AM_TRY(find_data(model, list, AM_AMN_TOKEN_LENGTHS, AM_AMN_U32, &lengths, error));
    AM_TRY(find_data(model, list, AM_AMN_TOKEN_BYTES, AM_AMN_BYTES, &bytes, error));
    if (lengths->n_bytes != n_vocab * sizeof(uint32_t)) {
        AM_FAIL(error, AM_E_MODEL, "%s: %zu bytes of lengths for %zu tokens", model->path,
                lengths->n_bytes, n_vocab);
    }
    am_reader length = {lengths->data, lengths->n_bytes, 0, model->path};
    am_reader text = {bytes->data, bytes->n_bytes, 0, model->path};
    AM_TRY(am__vocabulary_new(model, error));
    for (size_t i = 0; i < n_vocab; i++) {
        const unsigned char *token;
        uint32_t n;
        AM_TRY(am__read_u32(&length, "length of a token", &n, error));
        AM_TRY(am__read_bytes(&text, "a token", n, &token, error));
        model->vocabulary[i] = (am_token_text){(const char *)token, n};
    }
    return AM_OK;
}

static am_status read_heads(am_model *model, const am_raw_list *list, am_error *error) {
    const am_dims *d = &model->dims;
    const am_raw_tensor *pairs;
    AM_TRY(find_data(model, list, AM_AMN_HEADS, AM_AMN_U32, &pairs, error));
    const size_t n = pairs->n_bytes / (2 * sizeof(uint32_t));
    if (pairs->shape[1] != 2 || n == 0 || n > (size_t)d->n_decoder_layers * (size_t)d->n_heads) {
        AM_FAIL(error, AM_E_MODEL, "%s: %s is not a list of pairs", model->path, AM_AMN_HEADS);
    }
    am_head_id *heads;
    AM_TRY(AM_ARENA_NEW(&model->arena, &heads, n, error));
    am_reader reader = {pairs->data, pairs->n_bytes, 0, model->path};
    for (size_t i = 0; i < n; i++) {
        uint32_t layer, head;
        AM_TRY(am__read_u32(&reader, "layer", &layer, error));
        AM_TRY(am__read_u32(&reader, "head", &head, error));
        if (layer >= (uint32_t)d->n_decoder_layers || head >= (uint32_t)d->n_heads) {
            AM_FAIL(error, AM_E_MODEL, "%s: alignment head %zu is not in %d layers of %d heads",
                    model->path, i, d->n_decoder_layers, d->n_heads);
        }
        heads[i] = (am_head_id){(int)layer, (int)head};
    }
    model->alignment_heads = heads;
    model->n_alignment_heads = n;
    return AM_OK;
}

am_status am__amn_read(am_model *model, am_error *error) {
    const am_map *map;
    amn_file file;
    am_raw_list list = {0};
    am_status status = AM_OK;
    model->format = "amn";
    model->in_place = true;
    AM_TRY_DONE(am__model_map(model, model->path, &map, error));
    AM_TRY_DONE(read_header(map, model->path, &file, error));
    AM_TRY_DONE(read_table(&file, &list, error));
    AM_TRY_DONE(attach_scales(&list, model->path, error));
    AM_TRY_DONE(read_dims(model, &file, error));
    AM_TRY_DONE(am__model_bind(model, &list, &am__amn_naming, error));
    AM_TRY_DONE(check_kinds(model, error));
    AM_TRY_DONE(read_vocabulary(model, &list, error));
    AM_TRY_DONE(read_heads(model, &list, error));
done:
    am__raw_free(&list);
    return status;
}
