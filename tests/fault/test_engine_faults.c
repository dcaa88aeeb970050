/*
 * Every allocation of opening a model and of a transcription fails in turn: each time the status
 * says so, nothing leaks, and the same objects work again afterwards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "amanuensis.h"
#include "base/rng.h"
#include "scratch.h"
#include "support/failing_heap.h"
#include "weights.h"

#define ALLOCATIONS_MAX 2000

static float noise[AM_SAMPLE_RATE];

static const char *model_path(void) {
    static char path[4096];
    const am_dims dims = {.n_mels = 80, .n_vocab = 51864, .d_model = 64, .n_encoder_layers = 1,
                          .n_decoder_layers = 1, .n_audio_ctx = 1500, .n_text_ctx = 448};
    scratch_path("tiny.bin", path, sizeof path);
    const weights w = weights_random(&dims, 3);
    weights_write_ggml(&w, AM_DTYPE_F16, path);
    return path;
}

static am_status open_engine(const char *path, am_compute_type type, am_engine **engine) {
    am_engine_options options;
    am_error error;
    am_engine_options_init(&options);
    options.n_threads = 2;
    options.compute_type = type;
    return am_engine_open(path, &options, engine, &error);
}

static const char *amn_path(void) {
    static char path[4096];
    scratch_path("tiny.amn", path, sizeof path);
    assert_int_equal(am_model_quantize(model_path(), NULL, AM_COMPUTE_INT8, path, NULL), AM_OK);
    return path;
}

static void opening_survives(const char *path, am_compute_type type) {
    failing_heap heap;
    int n = 0;
    am_status status = AM_E_MEMORY;
    for (; status != AM_OK && n < ALLOCATIONS_MAX; n++) {
        am_engine *engine = NULL;
        failing_heap_start(&heap, n);
        status = open_engine(path, type, &engine);
        if (status != AM_OK) {
            assert_int_equal(status, AM_E_MEMORY);
            assert_null(engine);
        }
        am_engine_close(&engine);
        assert_int_equal(heap.n_live, 0);
        failing_heap_stop();
    }
    assert_int_equal(status, AM_OK);
    assert_true(n > 20);
}

static void opening_in_f32_survives_every_failure(void **state) {
    (void)state;
    opening_survives(model_path(), AM_COMPUTE_F32);
}

static void opening_in_int8_survives_every_failure(void **state) {
    (void)state;
    opening_survives(model_path(), AM_COMPUTE_INT8);
}

static void opening_in_int4_survives_every_failure(void **state) {
    (void)state;
    opening_survives(model_path(), AM_COMPUTE_INT4);
}

static void opening_amn_survives_every_failure(void **state) {
    (void)state;
    opening_survives(amn_path(), AM_COMPUTE_INT8);
}

/* Entries of the folder of a path. */
static int count_beside(const char *path) {
    char folder[4096];
    int n = 0;
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    DIR *entries = opendir(folder);
    assert_non_null(entries);
    while (readdir(entries) != NULL) n++;
    closedir(entries);
    return n;
}

/* And leaves no file behind, nor a damaged one in the old one's place. */
static void quantizing_survives_every_failure(void **state) {
    (void)state;
    const char *source = model_path();
    const char *path = amn_path();
    const int n_files = count_beside(path);
    failing_heap heap;
    int n = 0;
    am_status status = AM_E_MEMORY;
    for (; status != AM_OK && n < ALLOCATIONS_MAX; n++) {
        failing_heap_start(&heap, n);
        status = am_model_quantize(source, NULL, AM_COMPUTE_INT8, path, NULL);
        assert_int_equal(heap.n_live, 0);
        failing_heap_stop();
        if (status != AM_OK) assert_int_equal(status, AM_E_MEMORY);
        assert_int_equal(count_beside(path), n_files);
        assert_int_equal(am_model_verify(path, NULL), AM_OK);
    }
    assert_int_equal(status, AM_OK);
    assert_true(n > 20);
}

/* A file that may grow to `limit` bytes alone is what a full disk is. */
static void quantizing_onto_a_full_disk(void **state) {
    (void)state;
    const char *source = model_path();
    const char *path = amn_path();
    const int n_files = count_beside(path);
    struct stat info;
    struct rlimit kept;
    am_error error;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &kept), 0);
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    const off_t limits[] = {0, 1, 64, 4096, 100000, info.st_size / 2, info.st_size - 1};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        const struct rlimit small = {(rlim_t)limits[i], kept.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        const am_status status = am_model_quantize(source, NULL, AM_COMPUTE_INT8, path, &error);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &kept), 0);
        assert_int_equal(status, AM_E_IO);
        assert_non_null(strstr(error.detail, "cannot write"));
        assert_int_equal(count_beside(path), n_files);
        assert_int_equal(am_model_verify(path, NULL), AM_OK);
    }
}

static am_params quick_params(void) {
    am_params params;
    am_params_init(&params);
    params.vad_filter = false;
    params.batch_size = 2;
    params.beam_size = 2;
    params.best_of = 2;
    params.n_temperatures = 1;
    params.max_new_tokens = 4;
    params.word_timestamps = true;
    params.initial_prompt = "some words";
    params.no_speech_threshold = NAN;
    return params;
}

/* Session, audio and one transcription with word times. */
static am_status transcribe(am_engine *engine, am_mode mode) {
    am_params params = quick_params();
    am_session *session = NULL;
    am_audio *audio = NULL;
    am_result *result = NULL;
    params.mode = mode;
    am_status status = am_session_new(engine, &session, NULL);
    if (status == AM_OK) status = am_audio_open_pcm(noise, AM_SAMPLE_RATE, &audio, NULL);
    if (status == AM_OK) status = am_transcribe(session, audio, &params, NULL, &result, NULL);
    am_result_free(&result);
    am_audio_close(&audio);
    am_session_free(&session);
    return status;
}

static void transcribing_survives(am_mode mode) {
    failing_heap heap;
    am_engine *engine = NULL;
    failing_heap_start(&heap, ALLOCATIONS_MAX);
    assert_int_equal(open_engine(model_path(), AM_COMPUTE_INT8, &engine), AM_OK);
    const int n_engine = heap.n_live;
    int n = 0;
    am_status status = AM_E_MEMORY;
    for (; status != AM_OK && n < ALLOCATIONS_MAX; n++) {
        heap.n_left = n;
        status = transcribe(engine, mode);
        if (status != AM_OK) assert_int_equal(status, AM_E_MEMORY);
        assert_int_equal(heap.n_live, n_engine);
    }
    assert_int_equal(status, AM_OK);
    assert_true(n > 20);
    am_engine_close(&engine);
    assert_int_equal(heap.n_live, 0);
    failing_heap_stop();
}

static void sequential_mode_survives_every_failure(void **state) {
    (void)state;
    transcribing_survives(AM_MODE_SEQUENTIAL);
}

static void batched_mode_survives_every_failure(void **state) {
    (void)state;
    transcribing_survives(AM_MODE_BATCHED);
}

static am_status transcribe_in(am_pool *pool) {
    const am_params params = quick_params();
    am_audio *audio = NULL;
    am_result *result = NULL;
    am_status status = am_audio_open_pcm(noise, AM_SAMPLE_RATE, &audio, NULL);
    if (status == AM_OK) status = am_pool_transcribe(pool, audio, &params, NULL, &result, NULL);
    am_result_free(&result);
    am_audio_close(&audio);
    return status;
}

/* First every allocation of making it, then every one of a transcription in it, by whichever
 * thread: the pool is as good as new afterwards. */
static void pools_survive_every_failure(void **state) {
    (void)state;
    failing_heap heap;
    am_engine *engine = NULL;
    am_pool *pool = NULL;
    am_pool_options options;
    am_pool_options_init(&options);
    options.n_slots = 2;
    failing_heap_start(&heap, ALLOCATIONS_MAX);
    assert_int_equal(open_engine(model_path(), AM_COMPUTE_INT8, &engine), AM_OK);
    const int n_engine = heap.n_live;
    int n = 0;
    am_status status = AM_E_MEMORY;
    for (; status != AM_OK && n < ALLOCATIONS_MAX; n++) {
        heap.n_left = n;
        status = am_pool_new(engine, &options, &pool, NULL);
        if (status == AM_OK) break;
        assert_int_equal(status, AM_E_MEMORY);
        assert_null(pool);
        assert_int_equal(heap.n_live, n_engine);
    }
    assert_int_equal(status, AM_OK);
    assert_true(n > 20);
    status = AM_E_MEMORY;
    for (n = 0; status != AM_OK && n < ALLOCATIONS_MAX; n++) {
        heap.n_left = n;
        status = transcribe_in(pool);
        if (status != AM_OK) assert_int_equal(status, AM_E_MEMORY);
    }
    assert_int_equal(status, AM_OK);
    assert_true(n > 20);
    const int n_warm = heap.n_live; /* with the aligner and the lanes' buffers */
    heap.n_left = ALLOCATIONS_MAX;
    assert_int_equal(transcribe_in(pool), AM_OK);
    assert_int_equal(heap.n_live, n_warm);
    am_pool_free(&pool);
    assert_int_equal(heap.n_live, n_engine);
    am_engine_close(&engine);
    assert_int_equal(heap.n_live, 0);
    failing_heap_stop();
}

int main(void) {
    am_rng rng;
    am__rng_seed(&rng, 5);
    for (size_t i = 0; i < AM_SAMPLE_RATE; i++) noise[i] = (float)(0.1 * am__rng_normal(&rng));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opening_in_f32_survives_every_failure),
        cmocka_unit_test(opening_in_int8_survives_every_failure),
        cmocka_unit_test(opening_in_int4_survives_every_failure),
        cmocka_unit_test(opening_amn_survives_every_failure),
        cmocka_unit_test(quantizing_survives_every_failure),
        cmocka_unit_test(quantizing_onto_a_full_disk),
        cmocka_unit_test(sequential_mode_survives_every_failure),
        cmocka_unit_test(batched_mode_survives_every_failure),
        cmocka_unit_test(pools_survive_every_failure),
    };
    return cmocka_run_group_tests(tests, NULL, scratch_teardown);
}
