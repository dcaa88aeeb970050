/*
 * The network of src/speech on random weights: the reader of damaged files (--every-byte: cut at
 * each one), independence of how the audio is cut, memory that runs out, windows end to end.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/rng.h"
#include "scratch.h"
#include "speech/speech.h"
#include "support/failing_heap.h"

#define PI 3.14159265358979323846
#define N_SAMPLES (150 * 16000)
#define N_WINDOWS_MAX 200

static const struct {
    const char *name;
    uint32_t rank, shape[3]; /* innermost first */
    double scale;            /* of random values; 0 = the basis */
} tensors[] = {
    {"_model.encoder.0.reparam_conv.weight", 3, {3, 129, 128}, 0.05},
    {"_model.encoder.0.reparam_conv.bias", 1, {128}, 0.1},
    {"_model.encoder.1.reparam_conv.weight", 3, {3, 128, 64}, 0.1},
    {"_model.encoder.1.reparam_conv.bias", 1, {64}, 0.1},
    {"_model.encoder.2.reparam_conv.weight", 3, {3, 64, 64}, 0.1},
    {"_model.encoder.2.reparam_conv.bias", 1, {64}, 0.1},
    {"_model.encoder.3.reparam_conv.weight", 3, {3, 64, 128}, 0.1},
    {"_model.encoder.3.reparam_conv.bias", 1, {128}, 0.1},
    {"_model.decoder.rnn.weight_ih", 2, {128, 512}, 0.3},
    {"_model.decoder.rnn.weight_hh", 2, {128, 512}, 0.2},
    {"_model.decoder.rnn.bias_ih", 1, {512}, 0.1},
    {"_model.decoder.rnn.bias_hh", 1, {512}, 0.1},
    {"_model.decoder.decoder.2.weight", 1, {128}, 1},
    {"_model.decoder.decoder.2.bias", 0, {0}, 0.1},
    {"_model.stft.forward_basis_buffer", 3, {256, 1, 258}, 0},
};

static const uint32_t header[] = {6,  2,   0, 512, 64, 4, 129, 128, 3,   128, 64,
                                  3,  64,  64, 3,  64, 128, 3, 128, 128, 128, 1};

static char path[4096];
static float samples[N_SAMPLES];
static am_vad_model *model;

static void put(FILE *file, const void *bytes, size_t n) {
    if (n > 0 && fwrite(bytes, 1, n, file) != n) abort();
}

static void put_u32(FILE *file, uint32_t value) {
    const uint8_t bytes[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                              (uint8_t)(value >> 24)};
    put(file, bytes, sizeof bytes);
}

static float basis_value(size_t i) {
    const size_t row = i / 256, n = i % 256, bin = row % 129;
    const double angle = 2 * PI * (double)(bin * n) / 256;
    const double window = 0.5 - 0.5 * cos(2 * PI * (double)n / 256);
    return (float)(window * (row < 129 ? cos(angle) : -sin(angle)));
}

/* A valid file of random weights; returns its length. */
static long write_model(void) {
    am_rng rng;
    am__rng_seed(&rng, 7);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    put_u32(file, 0x67676d6c);
    put_u32(file, 10);
    put(file, "silero-16k", 10);
    for (size_t i = 0; i < sizeof header / sizeof *header; i++) put_u32(file, header[i]);
    for (size_t t = 0; t < sizeof tensors / sizeof *tensors; t++) {
        size_t n = 1;
        put_u32(file, tensors[t].rank);
        put_u32(file, (uint32_t)strlen(tensors[t].name));
        put_u32(file, 0);
        for (size_t d = 0; d < tensors[t].rank; d++) {
            put_u32(file, tensors[t].shape[d]);
            n *= tensors[t].shape[d];
        }
        put(file, tensors[t].name, strlen(tensors[t].name));
        for (size_t i = 0; i < n; i++) {
            const float value = tensors[t].scale > 0
                                    ? (float)(tensors[t].scale * am__rng_normal(&rng))
                                    : basis_value(i);
            put(file, &value, sizeof value);
        }
    }
    const long n_bytes = ftell(file);
    assert_int_equal(fclose(file), 0);
    return n_bytes;
}

static int set_up(void **state) {
    (void)state;
    am_rng rng;
    am__rng_seed(&rng, 8);
    scratch_path("silero.bin", path, sizeof path);
    write_model();
    if (am__vad_model_open(path, am__kernels(), &model, NULL) != AM_OK) return -1;
    double loud = 0;
    for (size_t i = 0; i < N_SAMPLES; i++) {
        if (i % 8000 == 0) loud = am__rng_below(&rng, 3) == 0 ? 0.3 : 0.003;
        samples[i] = (float)(loud * am__rng_normal(&rng));
    }
    return 0;
}

static int tear_down(void **state) {
    am__vad_model_close(&model);
    return scratch_teardown(state);
}

static size_t run(am_vad *vad, am_team *team, size_t n, size_t piece_max, am_rng *rng,
                  float *out) {
    size_t n_out = 0, n_new = 0;
    for (size_t done = 0; done < n;) {
        size_t piece = rng == NULL ? piece_max : 1 + (size_t)am__rng_below(rng, piece_max);
        if (piece > n - done) piece = n - done;
        am__vad_push(vad, team, samples + done, piece, out + n_out, &n_new);
        assert_true(n_new <= piece / AM_VAD_CHUNK + 1);
        n_out += n_new;
        done += piece;
    }
    if (am__vad_finish(vad, out + n_out)) n_out++;
    return n_out;
}

static void pushes_and_threads_do_not_matter(void **state) {
    (void)state;
    static float whole[1000], pieces[1000];
    static const size_t lengths[] = {0, 1, 511, 512, 513, 100000, 300007};
    am_rng rng;
    am_vad *vad = NULL;
    am_team *team = NULL;
    am__rng_seed(&rng, 9);
    assert_int_equal(am__vad_new(model, &vad, NULL), AM_OK);
    assert_int_equal(am__team_new(3, &team, NULL), AM_OK);
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
        const size_t n = lengths[l], n_chunks = (n + AM_VAD_CHUNK - 1) / AM_VAD_CHUNK;
        assert_int_equal(run(vad, NULL, n, n, NULL, whole), n_chunks);
        for (size_t piece = 100; piece < 200000; piece *= 12) {
            assert_int_equal(run(vad, piece > 1000 ? team : NULL, n, piece, &rng, pieces),
                             n_chunks);
            assert_memory_equal(whole, pieces, n_chunks * sizeof *whole);
        }
    }
    float low = 1, high = 0; /* the weights are such that something is heard */
    for (size_t i = 0; i < 300007 / AM_VAD_CHUNK; i++) {
        low = fminf(low, whole[i]);
        high = fmaxf(high, whole[i]);
    }
    assert_true(low >= 0.0f && high <= 1.0f && high > low + 0.1f);
    am__team_free(&team);
    am__vad_free(&vad);
}

static void reference_equals_fast_kernels(void **state) {
    (void)state;
    static float fast[400], plain[400];
    am_vad_model *reference = NULL;
    am_vad *vad = NULL;
    assert_int_equal(am__vad_model_open(path, &am__kernels_ref, &reference, NULL), AM_OK);
    assert_int_equal(am__vad_new(reference, &vad, NULL), AM_OK);
    const size_t n = run(vad, NULL, 100000, 100000, NULL, plain);
    am__vad_free(&vad);
    am__vad_model_close(&reference);
    assert_int_equal(am__vad_new(model, &vad, NULL), AM_OK);
    assert_int_equal(run(vad, NULL, 100000, 100000, NULL, fast), n);
    am__vad_free(&vad);
    for (size_t i = 0; i < n; i++) assert_true(fabsf(fast[i] - plain[i]) < 1e-4f);
}

static void odd_samples_count_as_loud_ones(void **state) {
    (void)state;
    static const float odd[][2] = {
        {NAN, -64}, {INFINITY, 64}, {-INFINITY, -64}, {1e30f, 64}, {63, 63},
    };
    float sane[AM_VAD_CHUNK], bad[AM_VAD_CHUNK], expected, found;
    size_t n;
    am_vad *vad = NULL;
    assert_int_equal(am__vad_new(model, &vad, NULL), AM_OK);
    for (size_t kind = 0; kind < sizeof odd / sizeof *odd; kind++) {
        for (size_t i = 0; i < AM_VAD_CHUNK; i++) {
            bad[i] = i % 7 == 0 ? odd[kind][0] : 0.1f;
            sane[i] = i % 7 == 0 ? odd[kind][1] : 0.1f;
        }
        am__vad_push(vad, NULL, sane, AM_VAD_CHUNK, &expected, &n);
        am__vad_reset(vad);
        am__vad_push(vad, NULL, bad, AM_VAD_CHUNK, &found, &n);
        am__vad_reset(vad);
        assert_true(expected >= 0.0f && expected <= 1.0f);
        assert_memory_equal(&expected, &found, sizeof found);
    }
    am__vad_free(&vad);
}

/* Windows from pushes of 1 … piece_max samples; returns how many. */
static size_t find_windows(size_t piece_max, am_rng *rng, am_window *windows) {
    am_speech *speech = NULL;
    uint64_t needed = 0;
    size_t n = 0, done = 0;
    assert_int_equal(am__speech_new(model, NULL, &speech, NULL), AM_OK);
    while (done < N_SAMPLES) {
        size_t piece = 1 + (size_t)am__rng_below(rng, piece_max);
        if (piece > N_SAMPLES - done) piece = N_SAMPLES - done;
        am__speech_push(speech, NULL, samples + done, piece);
        done += piece;
        while (am__speech_next(speech, &windows[n])) {
            assert_true(windows[n++].pieces[0].first >= needed);
        }
        assert_true(am__speech_needed(speech) >= needed && am__speech_needed(speech) <= done);
        needed = am__speech_needed(speech);
    }
    am__speech_finish(speech);
    while (am__speech_next(speech, &windows[n])) {
        assert_true(windows[n].pieces[0].first >= needed);
        n++;
        assert_true(n < N_WINDOWS_MAX);
    }
    assert_false(am__speech_next(speech, &windows[n]));
    uint64_t taken = 0;
    for (size_t i = 0; i < n; i++) taken += windows[i].n_samples;
    assert_int_equal(am__speech_taken(speech), taken);
    am__speech_free(&speech);
    return n;
}

static void windows_do_not_depend_on_pushes(void **state) {
    (void)state;
    static am_window first[N_WINDOWS_MAX], second[N_WINDOWS_MAX];
    am_rng rng;
    am__rng_seed(&rng, 10);
    const size_t n = find_windows(AM_SPEECH_PUSH_MAX, &rng, first);
    assert_true(n > 1);
    assert_int_equal(find_windows(5000, &rng, second), n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(first[i].n_pieces, second[i].n_pieces);
        assert_memory_equal(first[i].pieces, second[i].pieces,
                            first[i].n_pieces * sizeof *first[i].pieces);
        const am_piece *last = &first[i].pieces[first[i].n_pieces - 1];
        assert_true(last->first + last->n <= N_SAMPLES);
    }
}

static am_status use_memory(void) {
    am_vad_model *weights = NULL;
    am_speech *speech = NULL;
    am_status status = am__vad_model_open(path, am__kernels(), &weights, NULL);
    if (status == AM_OK) status = am__speech_new(weights, NULL, &speech, NULL);
    am__speech_free(&speech);
    am__vad_model_close(&weights);
    return status;
}

static void failing_allocations_leak_nothing(void **state) {
    (void)state;
    failing_heap heap;
    am_status status = AM_E_MEMORY;
    int n_allowed = 0;
    for (; status != AM_OK; n_allowed++) {
        failing_heap_start(&heap, n_allowed);
        status = use_memory();
        failing_heap_stop();
        assert_true(status == AM_OK || status == AM_E_MEMORY);
        assert_int_equal(heap.n_live, 0);
    }
    assert_true(n_allowed > 20);
}

static am_status open_damaged(am_error *error) {
    am_vad_model *damaged = NULL;
    const am_status status = am__vad_model_open(path, am__kernels(), &damaged, error);
    assert_true((status == AM_OK) == (damaged != NULL));
    am__vad_model_close(&damaged);
    return status;
}

/* From the end to the beginning, every `step` bytes, and every byte of the first 1000. */
static void check_cuts(long step) {
    am_error error;
    const long n_bytes = write_model();
    for (long n = n_bytes - 1; n >= 0; n -= n > 1000 ? step : 1) {
        assert_int_equal(truncate(path, n), 0);
        assert_int_equal(open_damaged(&error), AM_E_MODEL);
        assert_non_null(strstr(error.detail, "silero.bin"));
    }
    write_model();
}

static void cut_files_are_refused(void **state) {
    (void)state;
    check_cuts(997);
}

static void cut_at_every_byte(void **state) {
    (void)state;
    check_cuts(1);
}

/* Flipped bits of what is not data: an answer, no crash; in the header and the names an error. */
static void damaged_headers_are_refused(void **state) {
    (void)state;
    am_error error;
    write_model();
    for (long at = 0; at < 160; at++) {
        const bool version = at >= 18 && at < 30;
        FILE *file = fopen(path, "r+b");
        assert_non_null(file);
        assert_int_equal(fseek(file, at, SEEK_SET), 0);
        const int byte = fgetc(file);
        assert_int_equal(fseek(file, at, SEEK_SET), 0);
        fputc(byte ^ 0x40, file);
        fflush(file);
        const am_status status = open_damaged(&error);
        assert_true(version ? status == AM_OK
                            : status == AM_E_MODEL || status == AM_E_UNSUPPORTED);
        assert_int_equal(fseek(file, at, SEEK_SET), 0);
        fputc(byte, file);
        fclose(file);
    }
    assert_int_equal(open_damaged(&error), AM_OK);
    FILE *file = fopen(path, "r+b"); /* another basis */
    assert_non_null(file);
    const float value = 0.5f;
    assert_int_equal(fseek(file, -400, SEEK_END), 0);
    put(file, &value, sizeof value);
    fclose(file);
    assert_int_equal(open_damaged(&error), AM_E_UNSUPPORTED);
    assert_non_null(strstr(error.detail, "basis"));
    write_model();
}

static void too_long_regions_are_refused(void **state) {
    (void)state;
    am_speech *speech = NULL;
    am_error error;
    am_vad_options options;
    am_vad_options_init(&options);
    options.max_speech_duration_s = 31;
    assert_int_equal(am__speech_new(model, &options, &speech, &error), AM_E_ARG);
    assert_null(speech);
}

int main(int argc, char **argv) {
    const struct CMUnitTest every_byte[] = {cmocka_unit_test(cut_at_every_byte)};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pushes_and_threads_do_not_matter),
        cmocka_unit_test(reference_equals_fast_kernels),
        cmocka_unit_test(odd_samples_count_as_loud_ones),
        cmocka_unit_test(windows_do_not_depend_on_pushes),
        cmocka_unit_test(failing_allocations_leak_nothing),
        cmocka_unit_test(cut_files_are_refused),
        cmocka_unit_test(damaged_headers_are_refused),
        cmocka_unit_test(too_long_regions_are_refused),
    };
    if (argc > 1 && strcmp(argv[1], "--every-byte") == 0) {
        return cmocka_run_group_tests(every_byte, set_up, tear_down);
    }
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
