/* See writing.h. */
#include "writing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/utf8.h"
#include "encode.h"

static void die(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

FILE *create_file(const char *folder, const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s%s%s", folder != NULL ? folder : "", folder != NULL ? "/" : "",
             name);
    FILE *file = fopen(path, "wb");
    if (file == NULL) die(path);
    return file;
}

void close_file(FILE *file) {
    if (fclose(file) != 0) die("closing a model file");
}

void put(FILE *file, const void *bytes, size_t n) {
    if (n > 0 && fwrite(bytes, 1, n, file) != n) die("writing a model file");
}

static void put_little_endian(FILE *file, uint64_t value, size_t n) {
    unsigned char bytes[8];
    for (size_t i = 0; i < n; i++) bytes[i] = (unsigned char)(value >> (8 * i));
    put(file, bytes, n);
}

void put_u8(FILE *file, unsigned value) {
    put_little_endian(file, value, 1);
}

void put_u16(FILE *file, unsigned value) {
    put_little_endian(file, value, 2);
}

void put_u32(FILE *file, size_t value) {
    put_little_endian(file, value, 4);
}

void make_folder(const char *folder) {
    if (mkdir(folder, 0777) != 0 && errno != EEXIST) die(folder);
}

void *allocate(size_t n, size_t size) {
    void *block = calloc(n > 0 ? n : 1, size);
    if (block == NULL) die("allocating");
    return block;
}

tensor_shape shape_of(const am_dims *dims, tensor_id id) {
    const am_dims *d = dims;
    if (id.stack < 0) {
        const int shapes[][2] = {
#define ROW(role, rows, cols) {rows, cols},
            AM_GLOBAL_TENSORS(ROW)
        };
        return (tensor_shape){(size_t)shapes[id.role][0], (size_t)shapes[id.role][1]};
    }
    const int shapes[][2] = {AM_LAYER_TENSORS(ROW)};
#undef ROW
    return (tensor_shape){(size_t)shapes[id.role][0], (size_t)shapes[id.role][1]};
}

float *values_of(const weights *w, tensor_id id) {
    const tensor_shape shape = shape_of(&w->dims, id);
    const size_t n = shape.n_rows * shape.n_cols;
    float *values = allocate(n, sizeof *values);
    w->fill(w, id, n, values);
    return values;
}

unsigned char *encoded(am_dtype dtype, const float *values, size_t n_rows, size_t n_cols,
                       float *scales, size_t *n_bytes) {
    unsigned char *bytes = allocate(n_rows * n_cols, sizeof(float));
    *n_bytes = encode_rows(dtype, values, n_rows, n_cols, bytes, scales);
    return bytes;
}

size_t n_ordinary_tokens(const weights *w) {
    const size_t n_vocab = (size_t)w->dims.n_vocab;
    if (n_vocab < 51864) return n_vocab;
    return n_vocab == 51864 ? 50256 : 50257;
}

am_token_text ordinary_token(const weights *w, size_t id, char pair[2]) {
    if (w->model != NULL) {
        size_t n_tokens;
        return am__model_vocabulary(w->model, &n_tokens)[id];
    }
    if (id < 256) {
        pair[0] = (char)(unsigned char)id;
        return (am_token_text){pair, 1};
    }
    pair[0] = (char)(unsigned char)((id - 256) >> 8);
    pair[1] = (char)(unsigned char)(id - 256);
    return (am_token_text){pair, 2};
}

/* GPT-2's bytes_to_unicode. */
static uint32_t code_of_byte(unsigned byte) {
    uint32_t n_others = 0;
    for (unsigned b = 0; b <= byte; b++) {
        const bool itself = (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
        if (b == byte) return itself ? b : 256 + n_others;
        if (!itself) n_others++;
    }
    return 0;
}

void put_mapped_token(FILE *file, am_token_text token, bool json) {
    for (uint32_t i = 0; i < token.n_bytes; i++) {
        char utf8[4];
        const uint32_t code = code_of_byte((unsigned char)token.bytes[i]);
        if (json && (code == '"' || code == '\\')) put(file, "\\", 1);
        put(file, utf8, am__utf8_encode(code, utf8));
    }
}

void write_tokenizer_json(const weights *w, const char *folder) {
    FILE *file = create_file(folder, "tokenizer.json");
    fputs("{\"added_tokens\": [], \"model\": {\"type\": \"BPE\", \"vocab\": {", file);
    for (size_t id = 0; id < n_ordinary_tokens(w); id++) {
        char pair[2];
        fputs(id == 0 ? "\"" : ", \"", file);
        put_mapped_token(file, ordinary_token(w, id, pair), true);
        fprintf(file, "\": %zu", id);
    }
    fputs("}}}\n", file);
    close_file(file);
}
