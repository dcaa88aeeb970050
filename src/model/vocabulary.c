/*
 * Token texts as bytes. Tokenizer files write a token's bytes as code points, one each, because
 * JSON cannot hold arbitrary bytes: printable Latin-1 stands for itself, the other 68 bytes for
 * U+0100 onwards (GPT-2's bytes_to_unicode). So a line of vocabulary.txt never contains a newline
 * and all of these files are free of loss.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "model/reader.h"
#include "text/tokenizer.h"

#define N_TIMESTAMPS 1501
#define N_MAPPED (256 + 68)

am_status am__vocabulary_new(am_model *model, am_error *error) {
    return AM_ARENA_NEW(&model->arena, &model->vocabulary, (size_t)model->dims.n_vocab, error);
}

am_status am__vocabulary_put(am_model *model, size_t id, const char *bytes, size_t n_bytes,
                             am_error *error) {
    if (id >= (size_t)model->dims.n_vocab) return AM_OK;
    if (n_bytes > UINT16_MAX) {
        AM_FAIL(error, AM_E_MODEL, "%s: token %zu has %zu bytes", model->path, id, n_bytes);
    }
    am_token_text *token = &model->vocabulary[id];
    AM_TRY(am__arena_strndup(&model->arena, bytes, n_bytes, &token->bytes, error));
    token->n_bytes = (uint32_t)n_bytes;
    return AM_OK;
}

static bool stands_for_itself(unsigned byte) {
    return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

/* Inverse of bytes_to_unicode: byte of a code point, -1 where there is none. */
typedef struct byte_map {
    int16_t byte_of[N_MAPPED];
} byte_map;

static void byte_map_init(byte_map *map) {
    for (size_t i = 0; i < N_MAPPED; i++) map->byte_of[i] = -1;
    unsigned n_others = 0;
    for (unsigned byte = 0; byte < 256; byte++) {
        const unsigned code = stands_for_itself(byte) ? byte : 256 + n_others++;
        map->byte_of[code] = (int16_t)byte;
    }
}

/* Puts a token written as code points; one that is not so written (a special) is taken as is. */
static am_status put_mapped(am_model *model, const byte_map *map, size_t id, const char *text,
                            size_t n, am_error *error) {
    char bytes[1024];
    size_t n_bytes = 0;
    for (size_t at = 0; at < n;) {
        uint32_t code;
        bool truncated;
        const size_t length = am__utf8_decode(text + at, n - at, &code, &truncated);
        if (length == 0) {
            AM_FAIL(error, AM_E_MODEL, "%s: token %zu is not UTF-8", model->path, id);
        }
        if (code >= N_MAPPED || map->byte_of[code] < 0 || n_bytes == sizeof bytes) {
            return am__vocabulary_put(model, id, text, n, error);
        }
        bytes[n_bytes++] = (char)map->byte_of[code];
        at += length;
    }
    return am__vocabulary_put(model, id, bytes, n_bytes, error);
}

/* {"token": id, …} */
static am_status put_object(am_model *model, const byte_map *map, am_json *vocabulary,
                            const char *source, am_error *error) {
    void *cursor = NULL;
    const char *token;
    am_json *value;
    while (am__json_next(vocabulary, &cursor, &token, &value)) {
        int64_t id;
        if (!am__json_integer(value, 0, INT32_MAX, &id)) {
            AM_FAIL(error, AM_E_MODEL, "%s/%s: id of token %s is not a number", model->path,
                    source, token);
        }
        AM_TRY(put_mapped(model, map, (size_t)id, token, strlen(token), error));
    }
    return AM_OK;
}

/* ["token", …] in order of ids */
static am_status put_array(am_model *model, const byte_map *map, am_json *vocabulary,
                           const char *source, am_error *error) {
    for (size_t id = 0; id < am__json_size(vocabulary); id++) {
        size_t n;
        const char *token = am__json_string(am__json_at(vocabulary, id), &n);
        if (token == NULL) {
            AM_FAIL(error, AM_E_MODEL, "%s/%s: token %zu is not a string", model->path, source, id);
        }
        AM_TRY(put_mapped(model, map, id, token, n, error));
    }
    return AM_OK;
}

/* [{"id": 50257, "content": "<|startoftranscript|>"}, …] */
static am_status put_added(am_model *model, am_json *added, const char *source, am_error *error) {
    for (size_t i = 0; i < am__json_size(added); i++) {
        am_json *token = am__json_at(added, i);
        size_t n;
        int64_t id;
        const char *text = am__json_string(am__json_get(token, "content"), &n);
        if (text == NULL || !am__json_integer(am__json_get(token, "id"), 0, INT32_MAX, &id)) {
            AM_FAIL(error, AM_E_MODEL, "%s/%s: added token %zu lacks id or content", model->path,
                    source, i);
        }
        AM_TRY(am__vocabulary_put(model, (size_t)id, text, n, error));
    }
    return AM_OK;
}

static am_status put_json(am_model *model, const byte_map *map, const char *folder,
                          const char *source, am_error *error) {
    am_json *json = NULL;
    am_status status = AM_OK;
    AM_TRY_DONE(am__model_json(folder, source, true, &json, error));
    am_json *vocabulary = json;
    if (strcmp(source, "tokenizer.json") == 0) {
        vocabulary = am__json_get(am__json_get(json, "model"), "vocab");
        AM_TRY_DONE(put_added(model, am__json_get(json, "added_tokens"), source, error));
    }
    if (am__json_is_object(vocabulary)) {
        AM_TRY_DONE(put_object(model, map, vocabulary, source, error));
    } else if (am__json_is_array(vocabulary)) {
        AM_TRY_DONE(put_array(model, map, vocabulary, source, error));
    } else {
        status = am__fail(error, AM_E_MODEL, "%s/%s: no vocabulary in it", folder, source);
    }
done:
    am__json_free(&json);
    return status;
}

static am_status put_lines(am_model *model, const byte_map *map, const char *folder,
                           const char *source, am_error *error) {
    char path[AM_PATH_MAX];
    am_map file = {0};
    AM_TRY(am__path_join(folder, source, path, sizeof path, error));
    AM_TRY(am__map_open(path, &file, error));
    am_status status = AM_OK;
    const char *text = (const char *)file.bytes;
    size_t id = 0;
    for (size_t at = 0; at < file.n_bytes; id++) {
        const char *end = memchr(text + at, '\n', file.n_bytes - at);
        const size_t n = end == NULL ? file.n_bytes - at : (size_t)(end - (text + at));
        AM_TRY_DONE(put_mapped(model, map, id, text + at, n, error));
        at += n + 1;
    }
done:
    am__map_close(&file);
    return status;
}

am_status am__vocabulary_from_folder(am_model *model, const char *folder, am_error *error) {
    static const char *const sources[] = {"vocabulary.json", "vocabulary.txt",
                                          "tokenizer.json", "vocab.json"};
    byte_map map;
    byte_map_init(&map);
    AM_TRY(am__vocabulary_new(model, error));
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        if (!am__path_exists(folder, sources[i])) continue;
        if (strstr(sources[i], ".txt") != NULL) {
            AM_TRY(put_lines(model, &map, folder, sources[i], error));
        } else {
            AM_TRY(put_json(model, &map, folder, sources[i], error));
        }
        return am__vocabulary_finish(model, error);
    }
    AM_FAIL(error, AM_E_MODEL, "%s: no tokenizer.json, vocabulary.json or vocabulary.txt", folder);
}

static am_status put_special(am_model *model, size_t *id, const char *name, am_error *error) {
    char text[32];
    const int n = snprintf(text, sizeof text, "<|%s|>", name);
    return am__vocabulary_put(model, (*id)++, text, (size_t)n, error);
}

am_status am__vocabulary_finish(am_model *model, am_error *error) {
    const size_t n_vocab = (size_t)model->dims.n_vocab;
    const bool published = n_vocab >= 51864 && n_vocab <= 51866;
    size_t id = !published ? n_vocab : n_vocab == 51864 ? 50256 : 50257; /* end of text */
    /* The last ordinary token of the multilingual vocabulary is empty; not every file lists it. */
    if (published && id == 50257 && model->vocabulary[50256].bytes == NULL) {
        AM_TRY(am__vocabulary_put(model, 50256, "", 0, error));
    }
    for (size_t i = 0; i < id; i++) {
        if (model->vocabulary[i].bytes == NULL) {
            AM_FAIL(error, AM_E_MODEL, "%s: token %zu of the vocabulary is missing", model->path,
                    i);
        }
    }
    if (!published) return AM_OK;
    const size_t n_languages = n_vocab == 51866 ? 100 : 99;
    AM_TRY(put_special(model, &id, "endoftext", error));
    AM_TRY(put_special(model, &id, "startoftranscript", error));
    for (size_t i = 0; i < n_languages; i++) {
        AM_TRY(put_special(model, &id, am__language_code_at(i), error));
    }
    AM_TRY(put_special(model, &id, "translate", error));
    AM_TRY(put_special(model, &id, "transcribe", error));
    AM_TRY(put_special(model, &id, "startoflm", error));
    AM_TRY(put_special(model, &id, "startofprev", error));
    AM_TRY(put_special(model, &id, "nospeech", error));
    AM_TRY(put_special(model, &id, "notimestamps", error));
    for (int i = 0; i < N_TIMESTAMPS; i++) {
        char seconds[16];
        snprintf(seconds, sizeof seconds, "%d.%02d", i / 50, i % 50 * 2);
        AM_TRY(put_special(model, &id, seconds, error));
    }
    return AM_OK;
}
