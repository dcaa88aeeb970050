/*
 * Damaged model files, of every format: cut at every byte (with --every-byte; else every 31st
 * behind the first page), bits flipped, a failing allocation at every place. Each must end in the
 * right status, give back all memory, and never read outside the file (which sanitizers watch).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/rng.h"
#include "mend_amn.h"
#include "model/amn.h"
#include "scratch.h"
#include "weights.h"

/* The smallest geometry the readers accept. */
static const am_dims dims = {
    .n_mels = 80, .n_vocab = 32, .d_model = 64, .n_encoder_layers = 1, .n_decoder_layers = 1,
    .n_audio_ctx = 2, .n_text_ctx = 2,
};

/* An allocator that counts, and fails from one allocation on. */
static struct {
    long n_live;
    long n_until_failure; /* < 0: never */
} heap = {0, -1};

static void *count_allocate(void *user, size_t size, size_t alignment) {
    (void)user;
    if (heap.n_until_failure == 0) return NULL;
    if (heap.n_until_failure > 0) heap.n_until_failure--;
    void *block = aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
    if (block != NULL) heap.n_live++;
    return block;
}

static void count_release(void *user, void *block) {
    (void)user;
    heap.n_live--;
    free(block);
}

static int count_heap(void **state) {
    (void)state;
    static const am_allocator counting = {count_allocate, count_release, NULL};
    am_set_allocator(&counting);
    return 0;
}

static int restore_heap(void **state) {
    am_set_allocator(NULL);
    return scratch_teardown(state);
}

/* Reads every tensor, so that one that lies outside the file is noticed. */
static void read_all(const am_model *model) {
    const am_dims *d = am__model_dims(model);
    float *row = calloc((size_t)d->d_ff + (size_t)d->n_mels * 3 + (size_t)d->d_model * 3,
                        sizeof *row);
    for (int role = 0; role < AM_N_GLOBAL_ROLES; role++) {
        const am_tensor *tensor = am__model_global(model, (am_global_role)role);
        for (size_t i = 0; i < tensor->n_rows; i++) am__tensor_rows_f32(tensor, i, 1, row);
    }
    for (int role = 0; role < AM_N_LAYER_ROLES; role++) {
        const am_tensor *tensor = am__model_layer(model, true, 0, (am_layer_role)role);
        for (size_t i = 0; i < tensor->n_rows; i++) am__tensor_rows_f32(tensor, i, 1, row);
    }
    free(row);
}

/* Opens, reads and closes; the memory must all be back. */
static am_status try_model(const char *path, am_error *error) {
    am_model *model = NULL;
    *error = (am_error){0};
    const am_status status = am__model_open(path, &model, error);
    if (status == AM_OK) {
        read_all(model);
    } else {
        assert_null(model);
        assert_true(error->detail[0] != '\0');
    }
    am__model_close(&model);
    assert_int_equal(heap.n_live, 0);
    return status;
}

typedef enum format { GGML, CT2, SAFETENSORS, AMN, N_FORMATS } format;

/* Writes the small model; `model` is what to open, `file` where the weights are. */
static void write_small(format which, char model[static 4096], char file[static 4096]) {
    const weights w = weights_random(&dims, 7);
    switch (which) {
    case GGML:
        scratch_path("small.ggml", model, 4096);
        scratch_path("small.ggml", file, 4096);
        weights_write_ggml(&w, AM_DTYPE_Q4_0, model);
        break;
    case CT2:
        scratch_path("small.ct2", model, 4096);
        scratch_path("small.ct2/model.bin", file, 4096);
        weights_write_ct2(&w, AM_DTYPE_I8_ROWS, model);
        break;
    case AMN:
        scratch_path("small.hf", model, 4096);
        weights_write_safetensors(&w, AM_DTYPE_F16, 1, model);
        scratch_path("small.amn", file, 4096);
        assert_int_equal(am_model_quantize(model, NULL, AM_COMPUTE_INT4, file, NULL), AM_OK);
        scratch_path("small.amn", model, 4096);
        break;
    case SAFETENSORS:
    case N_FORMATS:
        scratch_path("small.hf", model, 4096);
        scratch_path("small.hf/model.safetensors", file, 4096);
        weights_write_safetensors(&w, AM_DTYPE_F16, 1, model);
        break;
    }
}

static off_t size_of(const char *path) {
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return info.st_size;
}

/* Bytes between cuts behind the first page; 1 in the full tier. */
static off_t stride = 31;

/* Cuts from the end, which needs no rewriting. */
static void cut_everywhere(format which) {
    char model[4096], file[4096];
    am_error error;
    write_small(which, model, file);
    assert_int_equal(try_model(model, &error), AM_OK);
    off_t size = size_of(file);
    long n_cuts = 0;
    while (size > 0) {
        size -= size > 4096 + stride ? stride : 1;
        assert_int_equal(truncate(file, size), 0);
        const am_status status = try_model(model, &error);
        if (status != AM_E_MODEL) {
            fail_msg("cut at byte %lld: %s %s", (long long)size, am_status_name(status),
                     error.detail);
        }
        n_cuts++;
    }
    print_message("%ld cuts\n", n_cuts);
    assert_true(n_cuts > 4000);
}

static void ggml_cut(void **state) {
    (void)state;
    cut_everywhere(GGML);
}

static void ctranslate2_cut(void **state) {
    (void)state;
    cut_everywhere(CT2);
}

static void safetensors_cut(void **state) {
    (void)state;
    cut_everywhere(SAFETENSORS);
}

static void amn_cut(void **state) {
    (void)state;
    cut_everywhere(AMN);
}

/* The text files beside the weights, too. */
static void companions_cut(void **state) {
    (void)state;
    static const struct {
        format which;
        const char *file;
    } rows[] = {
        {CT2, "small.ct2/config.json"},
        {CT2, "small.ct2/vocabulary.txt"},
        {SAFETENSORS, "small.hf/config.json"},
        {SAFETENSORS, "small.hf/tokenizer.json"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char model[4096], file[4096];
        am_error error;
        write_small(rows[i].which, model, file);
        scratch_path(rows[i].file, file, sizeof file);
        /* The final newline is no part of the value. */
        for (off_t size = size_of(file) - 2; size >= 0; size--) {
            assert_int_equal(truncate(file, size), 0);
            const am_status status = try_model(model, &error);
            if (status != AM_E_MODEL) {
                fail_msg("%s cut at byte %lld: %s", rows[i].file, (long long)size,
                         am_status_name(status));
            }
        }
    }
}

static void flip_bytes(format which) {
    enum { N_ROUNDS = 1000 };
    char model[4096], path[4096];
    am_error error;
    am_rng rng;
    int n_refused = 0;
    write_small(which, model, path);
    const uint64_t size = (uint64_t)size_of(path);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    am__rng_seed(&rng, 11);
    for (int round = 0; round < N_ROUNDS; round++) {
        /* Half of them near the start, where the structure is. */
        const uint64_t limit = round % 2 == 0 ? 4096 : size;
        const long place = (long)am__rng_below(&rng, limit);
        const int mask = (int)am__rng_below(&rng, 255) + 1;
        assert_int_equal(fseek(file, place, SEEK_SET), 0);
        const int kept = fgetc(file);
        assert_int_equal(fseek(file, place, SEEK_SET), 0);
        assert_int_equal(fputc(kept ^ mask, file), kept ^ mask);
        assert_int_equal(fflush(file), 0);
        const am_status status = try_model(model, &error);
        if (status != AM_OK && status != AM_E_MODEL && status != AM_E_UNSUPPORTED) {
            fail_msg("byte %ld ^ %d: %s %s", place, mask, am_status_name(status), error.detail);
        }
        n_refused += status != AM_OK;
        assert_int_equal(fseek(file, place, SEEK_SET), 0);
        assert_int_equal(fputc(kept, file), kept);
    }
    assert_int_equal(fclose(file), 0);
    assert_int_equal(try_model(model, &error), AM_OK);
    assert_true(n_refused > N_ROUNDS / 100);
}

static void bytes_flipped(void **state) {
    (void)state;
    for (int which = 0; which < N_FORMATS; which++) flip_bytes((format)which);
}

static size_t read_file(const char *path, unsigned char **bytes) {
    const size_t size = (size_t)size_of(path);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    *bytes = malloc(size);
    assert_non_null(*bytes);
    assert_int_equal(fread(*bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    return size;
}

static void write_whole(const char *path, const unsigned char *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* Every byte of an .amn file's header and table, changed so that the checksums agree with it. */
static void amn_structure_forged(void **state) {
    (void)state;
    char model[4096], path[4096];
    am_error error;
    unsigned char *bytes;
    int n_refused = 0, n_forged = 0;
    write_small(AMN, model, path);
    const size_t size = read_file(path, &bytes);
    unsigned char *forged = malloc(size);
    assert_non_null(forged);
    const size_t table = size - (size_t)AM_AMN_ENTRY_BYTES * bytes[AM_AMN_AT_N_ENTRIES];
    for (size_t at = 0; at < size; at += at == AM_AMN_HEADER_BYTES - 1 ? table - at : 1) {
        memcpy(forged, bytes, size);
        forged[at] ^= at % 3 == 0 ? 1 : at % 3 == 1 ? 0x40 : 0xff;
        mend_amn(forged, size);
        write_whole(path, forged, size);
        const am_status status = try_model(model, &error);
        if (status != AM_OK && status != AM_E_MODEL && status != AM_E_UNSUPPORTED) {
            fail_msg("byte %zu: %s %s", at, am_status_name(status), error.detail);
        }
        n_refused += status != AM_OK;
        n_forged++;
    }
    print_message("%d forged, %d refused\n", n_forged, n_refused);
    assert_true(n_forged > 2000 && n_refused > n_forged / 4);
    free(forged);
    free(bytes);
}

/* Not one changed byte of a payload escapes am_model_verify; opening sees those it copies. */
static void amn_payload_damage_is_found(void **state) {
    (void)state;
    char model[4096], path[4096];
    am_error error;
    unsigned char *bytes;
    int n_entries = 0, n_seen_at_opening = 0;
    write_small(AMN, model, path);
    const size_t size = read_file(path, &bytes);
    assert_int_equal(am_model_verify(path, &error), AM_OK);
    const unsigned char *table = bytes + size -
                                 (size_t)AM_AMN_ENTRY_BYTES * bytes[AM_AMN_AT_N_ENTRIES];
    for (; table < bytes + size; table += AM_AMN_ENTRY_BYTES, n_entries++) {
        uint64_t offset, n_bytes;
        memcpy(&offset, table + AM_AMN_AT_OFFSET, sizeof offset);
        memcpy(&n_bytes, table + AM_AMN_AT_N_BYTES, sizeof n_bytes);
        bytes[offset + n_bytes - 1] ^= 4;
        write_whole(path, bytes, size);
        bytes[offset + n_bytes - 1] ^= 4;
        assert_int_equal(am_model_verify(path, &error), AM_E_MODEL);
        assert_non_null(strstr(error.detail, (const char *)table));
        n_seen_at_opening += try_model(model, &error) == AM_E_MODEL;
    }
    assert_true(n_entries > 30 && n_seen_at_opening > n_entries / 2);
    free(bytes);
}

static void allocation_fails(void **state) {
    (void)state;
    for (int which = 0; which < N_FORMATS; which++) {
        char model[4096], file[4096];
        am_error error;
        write_small((format)which, model, file);
        am_status status = AM_E_MEMORY;
        long n = 0;
        for (; status != AM_OK; n++) {
            heap.n_until_failure = n;
            status = try_model(model, &error);
            if (status != AM_OK && status != AM_E_MEMORY) {
                fail_msg("allocation %ld: %s %s", n, am_status_name(status), error.detail);
            }
        }
        heap.n_until_failure = -1;
        assert_true(n > 3);
    }
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--every-byte") == 0) stride = 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ggml_cut),         cmocka_unit_test(ctranslate2_cut),
        cmocka_unit_test(safetensors_cut),  cmocka_unit_test(companions_cut),
        cmocka_unit_test(amn_cut),          cmocka_unit_test(amn_structure_forged),
        cmocka_unit_test(amn_payload_damage_is_found),
        cmocka_unit_test(bytes_flipped),    cmocka_unit_test(allocation_fails),
    };
    return cmocka_run_group_tests(tests, count_heap, restore_heap);
}
