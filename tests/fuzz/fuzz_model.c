/*
 * Bytes from outside as a file of a model. The first byte picks which file of a small valid model
 * the rest replaces; zeros behind it stand for the data of tensors, so that a short input can be a
 * whole file. In an .amn file they stand between header and table, and its checksums are made to
 * fit. Every tensor of a model that opens is read.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz/fuzz.h"
#include "mend_amn.h"
#include "model/amn.h"
#include "scratch.h"
#include "weights.h"

#define N_ZEROS (1 << 19)

static const struct {
    const char *model, *file;
    bool is_text; /* no zeros behind it */
} targets[] = {
    {"fuzz.ggml", "fuzz.ggml", false},
    {"fuzz.ct2", "fuzz.ct2/model.bin", false},
    {"fuzz.hf", "fuzz.hf/model.safetensors", false},
    {"fuzz.ct2", "fuzz.ct2/config.json", true},
    {"fuzz.ct2", "fuzz.ct2/vocabulary.txt", true},
    {"fuzz.hf", "fuzz.hf/config.json", true},
    {"fuzz.hf", "fuzz.hf/tokenizer.json", true},
    {"fuzz.amn", "fuzz.amn", false},
};

#define N_TARGETS (sizeof targets / sizeof targets[0])

static void clean(void) {
    scratch_teardown(NULL);
}

static void write_model(const char *model) {
    static const am_dims dims = {
        .n_mels = 80, .n_vocab = 32, .d_model = 64, .n_encoder_layers = 1, .n_decoder_layers = 1,
        .n_audio_ctx = 2, .n_text_ctx = 2,
    };
    const weights w = weights_random(&dims, 1);
    char path[4096];
    scratch_path(model, path, sizeof path);
    if (model[5] == 'g') weights_write_ggml(&w, AM_DTYPE_Q8_0, path);
    if (model[5] == 'c') weights_write_ct2(&w, AM_DTYPE_I8_ROWS, path);
    if (model[5] == 'h') weights_write_safetensors(&w, AM_DTYPE_F16, 1, path);
}

static void write_file(const char *path, const uint8_t *bytes, size_t n, bool is_text) {
    FILE *file = fopen(path, "wb");
    if (file == NULL || (n > 0 && fwrite(bytes, 1, n, file) != n) || fclose(file) != 0) abort();
    if (!is_text && truncate(path, (off_t)n + N_ZEROS) != 0) abort();
}

/* Header, zeros up to the size it states, table. */
static void write_amn(const char *path, const uint8_t *bytes, size_t n) {
    const size_t n_head = n < AM_AMN_HEADER_BYTES ? n : AM_AMN_HEADER_BYTES;
    size_t size = n + N_ZEROS;
    uint64_t stated = 0;
    if (n_head == AM_AMN_HEADER_BYTES) memcpy(&stated, bytes + AM_AMN_AT_FILE_BYTES, 8);
    if (stated >= n && stated < size) size = (size_t)stated;
    uint8_t *file = calloc(size, 1);
    if (file == NULL) abort();
    memcpy(file, bytes, n_head);
    memcpy(file + size - (n - n_head), bytes + n_head, n - n_head);
    mend_amn(file, size);
    write_file(path, file, size, true);
    free(file);
}

static void read_tensor(const am_tensor *tensor) {
    float *row = malloc(tensor->n_cols * sizeof *row);
    if (row == NULL) abort();
    am__tensor_rows_f32(tensor, 0, 1, row);
    am__tensor_rows_f32(tensor, tensor->n_rows - 1, 1, row);
    free(row);
}

static void read_model(const am_model *model) {
    const am_dims *d = am__model_dims(model);
    for (int role = 0; role < AM_N_GLOBAL_ROLES; role++) {
        read_tensor(am__model_global(model, (am_global_role)role));
    }
    for (int layer = 0; layer < d->n_decoder_layers; layer++) {
        for (int role = 0; role < AM_N_LAYER_ROLES; role++) {
            read_tensor(am__model_layer(model, true, layer, (am_layer_role)role));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    static size_t damaged = N_TARGETS; /* what the last input replaced */
    if (n_bytes == 0) return 0;
    if (damaged == N_TARGETS) {
        atexit(clean);
        write_model("fuzz.ggml");
        write_model("fuzz.ct2");
        write_model("fuzz.hf");
    } else {
        write_model(targets[damaged].model);
    }
    damaged = bytes[0] % N_TARGETS;
    char path[4096];
    scratch_path(targets[damaged].file, path, sizeof path);
    if (strcmp(targets[damaged].file, "fuzz.amn") == 0) {
        write_amn(path, bytes + 1, n_bytes - 1);
    } else {
        write_file(path, bytes + 1, n_bytes - 1, targets[damaged].is_text);
    }
    am_model *model = NULL;
    scratch_path(targets[damaged].model, path, sizeof path);
    am_error error;
    if (am__model_open(path, &model, &error) == AM_OK) read_model(model);
    am__model_close(&model);
    return 0;
}
