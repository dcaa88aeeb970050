/*
 * Properties of a pool: what comes out for a recording is what am_transcribe gives, to the bit,
 * whatever else is under way; who is cancelled or fails disturbs nobody; turns are waited for.
 * On random weights of several languages, and on speech with a real model.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "audio/source.h"
#include "base/clock.h"
#include "base/rng.h"
#include "scratch.h"
#include "support/shared.h"
#include "weights.h"

#define N_RECORDINGS 12
#define N_NOISE (65 * AM_SAMPLE_RATE)

static float noise[N_NOISE];

static void must(am_status status, const am_error *error) {
    if (status != AM_OK) fail_msg("%s: %s", am_status_name(status), error->detail);
}

/* ---- Sources ------------------------------------------------------------------------------- */

/* Samples, and then a failure or nothing at all. */
typedef struct source {
    struct am_audio base;
    const float *samples;
    size_t n, at;
    bool breaks;
} source;

static am_status source_read(am_audio *audio, float *samples, size_t capacity, size_t *n_read,
                             am_error *error) {
    source *s = (source *)audio;
    const size_t n = s->n - s->at < capacity ? s->n - s->at : capacity;
    if (n == 0 && s->breaks) AM_FAIL(error, AM_E_IO, "the cable was cut");
    memcpy(samples, s->samples + s->at, n * sizeof *samples);
    s->at += n;
    *n_read = n;
    return AM_OK;
}

static void source_close(am_audio *audio) {
    (void)audio;
}

static const am_audio_class source_class = {source_read, source_close};

/* ---- Recordings ---------------------------------------------------------------------------- */

typedef struct recording {
    const float *samples;
    size_t n;
    bool breaks;
    am_params params;
    am_callbacks callbacks;
    am_pool *pool;
    am_result *expected;
    am_result *result;
    am_status status;
    am_error error;
    double seconds;
    pthread_t thread;
} recording;

static source source_of(const recording *r) {
    return (source){.base = {.type = &source_class, .duration_s = -1},
                    .samples = r->samples, .n = r->n, .breaks = r->breaks};
}

static void *transcribe_in_pool(void *argument) {
    recording *r = argument;
    source s = source_of(r);
    const double start = am__now();
    r->status = am_pool_transcribe(r->pool, &s.base, &r->params, &r->callbacks, &r->result,
                                   &r->error);
    r->seconds = am__now() - start;
    return NULL;
}

static void transcribe_alone(am_engine *engine, recording *r) {
    am_error error;
    am_session *session = NULL;
    source s = source_of(r);
    must(am_session_new(engine, &session, &error), &error);
    must(am_transcribe(session, &s.base, &r->params, NULL, &r->expected, &error), &error);
    am_session_free(&session);
}

static void start(recording *r, am_pool *pool) {
    r->pool = pool;
    assert_int_equal(pthread_create(&r->thread, NULL, transcribe_in_pool, r), 0);
}

static void join(recording *r) {
    assert_int_equal(pthread_join(r->thread, NULL), 0);
}

static void assert_same_words(const am_segment *a, const am_segment *b) {
    assert_int_equal(a->n_words, b->n_words);
    for (size_t i = 0; i < a->n_words; i++) {
        assert_string_equal(a->words[i].text, b->words[i].text);
        assert_true(a->words[i].start == b->words[i].start && a->words[i].end == b->words[i].end);
        assert_true(a->words[i].probability == b->words[i].probability);
    }
}

/* To the last bit of what the model computed. */
static void assert_same(const am_result *a, const am_result *b) {
    size_t n = 0;
    size_t m = 0;
    const am_segment *x = am_result_segments(a, &n);
    const am_segment *y = am_result_segments(b, &m);
    assert_string_equal(am_result_text(a), am_result_text(b));
    assert_string_equal(am_result_language(a), am_result_language(b));
    assert_true(am_result_language_probability(a) == am_result_language_probability(b));
    assert_true(am_result_duration(a) == am_result_duration(b));
    assert_int_equal(n, m);
    for (size_t i = 0; i < n; i++) {
        assert_true(x[i].start == y[i].start && x[i].end == y[i].end);
        assert_string_equal(x[i].text, y[i].text);
        assert_int_equal(x[i].n_tokens, y[i].n_tokens);
        assert_memory_equal(x[i].tokens, y[i].tokens, x[i].n_tokens * sizeof *x[i].tokens);
        assert_memory_equal(x[i].token_logprobs, y[i].token_logprobs,
                            x[i].n_tokens * sizeof *x[i].token_logprobs);
        assert_true(x[i].temperature == y[i].temperature);
        assert_true(x[i].avg_logprob == y[i].avg_logprob);
        assert_true(x[i].compression_ratio == y[i].compression_ratio);
        assert_true(x[i].no_speech_prob == y[i].no_speech_prob);
        assert_same_words(&x[i], &y[i]);
    }
}

/* Joins them, and compares with what was expected. Returns the number of segments. */
static size_t join_and_compare(recording *r, size_t n) {
    size_t n_all = 0;
    for (size_t i = 0; i < n; i++) {
        size_t n_segments = 0;
        join(&r[i]);
        must(r[i].status, &r[i].error);
        assert_same(r[i].expected, r[i].result);
        am_result_segments(r[i].result, &n_segments);
        n_all += n_segments;
    }
    return n_all;
}

static void free_results(recording *r, size_t n) {
    for (size_t i = 0; i < n; i++) {
        am_result_free(&r[i].expected);
        am_result_free(&r[i].result);
    }
}

static am_pool *new_pool(am_engine *engine, int n_slots, int n_recordings_max) {
    am_pool *pool = NULL;
    am_error error;
    am_pool_options options;
    am_pool_options_init(&options);
    options.n_slots = n_slots;
    options.n_recordings_max = n_recordings_max;
    must(am_pool_new(engine, &options, &pool, &error), &error);
    return pool;
}

/* ---- Random weights ------------------------------------------------------------------------ */

static am_engine *open_random(am_compute_type type) {
    const am_dims dims = {.n_mels = 80, .n_vocab = 51865, .d_model = 64, .n_encoder_layers = 1,
                          .n_decoder_layers = 2, .n_audio_ctx = 1500, .n_text_ctx = 448};
    char path[4096];
    am_error error;
    am_engine *engine = NULL;
    am_engine_options options;
    am_engine_options_init(&options);
    options.n_threads = 2;
    options.compute_type = type;
    scratch_path("multilingual.bin", path, sizeof path);
    const weights w = weights_random(&dims, 11);
    weights_write_ggml(&w, AM_DTYPE_F16, path);
    must(am_engine_open(path, &options, &engine, &error), &error);
    return engine;
}

/* Random weights hear silence everywhere and never end a text. */
static am_params quick_params(void) {
    am_params params;
    am_params_init(&params);
    params.vad_filter = false;
    params.beam_size = 2;
    params.best_of = 2;
    params.temperatures[1] = 0.7;
    params.n_temperatures = 2;
    params.max_new_tokens = 12;
    params.no_speech_threshold = NAN;
    return params;
}

/* Recording i of many, no two with the same parameters. */
static recording varied(size_t i) {
    static const char *const languages[] = {"en", NULL, "de", "fr", NULL};
    recording r = {.samples = noise + i * AM_SAMPLE_RATE,
                   .n = (i % 5 == 4 ? 31 : 1 + i) * AM_SAMPLE_RATE,
                   .params = quick_params()};
    r.params.language = languages[i % 5];
    r.params.beam_size = 1 + (int)(i % 5);
    r.params.best_of = 1 + (int)(i * 3 % 5);
    r.params.patience = i % 4 == 1 ? 2 : 1;
    r.params.word_timestamps = i % 2 == 0;
    r.params.task = i % 3 == 2 ? AM_TASK_TRANSLATE : AM_TASK_TRANSCRIBE;
    r.params.n_temperatures = 1 + (int)(i % 2);
    r.params.max_new_tokens = 6 + (int)i;
    r.params.seed = i;
    r.params.initial_prompt = i % 4 == 3 ? "some words" : NULL;
    r.params.prefix = i == 5 ? "so" : NULL;
    r.params.audio_ctx = i == 7 ? AM_AUDIO_CTX_FULL : AM_AUDIO_CTX_AUTO;
    r.params.clip_timestamps = i == 9 ? "1,4" : "0";
    return r;
}

static void company_does_not_change(am_compute_type type) {
    am_engine *engine = open_random(type);
    recording r[N_RECORDINGS];
    for (size_t i = 0; i < N_RECORDINGS; i++) {
        r[i] = varied(i);
        transcribe_alone(engine, &r[i]);
    }
    /* Many slots, few slots, few turns. */
    static const struct {
        int n_slots, n_recordings_max;
    } ways[] = {{8, 16}, {3, 16}, {1, 16}, {8, 2}};
    for (size_t way = 0; way < sizeof ways / sizeof *ways; way++) {
        am_pool *pool = new_pool(engine, ways[way].n_slots, ways[way].n_recordings_max);
        for (size_t i = 0; i < N_RECORDINGS; i++) start(&r[i], pool);
        assert_true(join_and_compare(r, N_RECORDINGS) > N_RECORDINGS);
        am_pool_stats stats;
        am_pool_get_stats(pool, &stats);
        assert_int_equal(stats.n_recordings_done, N_RECORDINGS);
        assert_int_equal(stats.n_active + stats.n_waiting + stats.n_windows, 0);
        assert_true(stats.n_windows_done >= N_RECORDINGS && stats.n_rows > stats.n_steps);
        am_pool_free(&pool);
        for (size_t i = 0; i < N_RECORDINGS; i++) am_result_free(&r[i].result);
    }
    free_results(r, N_RECORDINGS);
    am_engine_close(&engine);
}

static void company_does_not_change_int8(void **state) {
    (void)state;
    company_does_not_change(AM_COMPUTE_INT8);
}

static void company_does_not_change_f32(void **state) {
    (void)state;
    company_does_not_change(AM_COMPUTE_F32);
}

/* A cancelled recording, what it saw, and when it is to stop. */
typedef struct witness {
    atomic_size_t n_segments;
    size_t n_enough;
} witness;

static void see_segment(void *user, const am_segment *segment) {
    witness *w = user;
    assert_int_equal(segment->id, atomic_fetch_add(&w->n_segments, 1));
    /* The caller looks every 50 ms whether to stop: before the pool goes on, it has. */
    const struct timespec longer = {0, 200000000L};
    if (w->n_enough > 0) nanosleep(&longer, NULL);
}

static bool had_enough(void *user) {
    witness *w = user;
    return atomic_load(&w->n_segments) >= w->n_enough;
}

/* One is cancelled at once, one after a segment; one's source breaks, one has no samples, one's
 * rules leave no token: each ends as it would alone, the others as if they had been alone. */
static void trouble_is_not_shared(void **state) {
    (void)state;
    am_engine *engine = open_random(AM_COMPUTE_INT8);
    recording good[4], bad[5];
    witness witnesses[2] = {{.n_enough = 0}, {.n_enough = 1}};
    char *everything = malloc(51865 * 6 + 1);
    assert_non_null(everything);
    size_t at = 0;
    for (int token = 0; token < 51865; token++) {
        at += (size_t)sprintf(everything + at, token > 0 ? ",%d" : "%d", token);
    }
    for (size_t i = 0; i < 4; i++) {
        good[i] = varied(2 * i);
        transcribe_alone(engine, &good[i]);
    }
    for (size_t i = 0; i < 5; i++) {
        bad[i] = (recording){.samples = noise, .n = N_NOISE, .params = quick_params()};
        if (i < 2) bad[i].callbacks = (am_callbacks){NULL, see_segment, had_enough, &witnesses[i]};
    }
    bad[2].breaks = true;
    bad[3].n = 0;
    bad[4].params.suppress_tokens = everything;
    static const am_status expected[] = {AM_E_CANCELLED, AM_E_CANCELLED, AM_E_IO, AM_E_NO_AUDIO,
                                         AM_E_INTERNAL};
    am_pool *pool = new_pool(engine, 4, 16);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < 5; i++) start(&bad[i], pool);
        for (size_t i = 0; i < 4; i++) start(&good[i], pool);
        assert_true(join_and_compare(good, 4) > 4);
        for (size_t i = 0; i < 5; i++) {
            join(&bad[i]);
            if (bad[i].status != expected[i]) {
                fail_msg("%zu: %s: %s", i, am_status_name(bad[i].status), bad[i].error.detail);
            }
            /* What was cancelled has what was done of it. */
            assert_true((bad[i].result != NULL) == (expected[i] == AM_E_CANCELLED));
        }
        size_t n = 0;
        am_result_segments(bad[1].result, &n);
        assert_int_equal(n, atomic_load(&witnesses[1].n_segments));
        assert_true(n >= 1);
        assert_string_equal(bad[2].error.detail, "the cable was cut");
        for (size_t i = 0; i < 5; i++) am_result_free(&bad[i].result);
        for (size_t i = 0; i < 4; i++) am_result_free(&good[i].result);
        atomic_store(&witnesses[1].n_segments, 0);
    }
    am_pool_free(&pool);
    free_results(good, 4);
    free(everything);
    am_engine_close(&engine);
}

static void nap(void) {
    nanosleep(&(struct timespec){0, 2000000}, NULL);
}

/* Until so many calls are active and waiting, as the pool sees it. */
static void await_calls(am_pool *pool, size_t n_active, size_t n_waiting) {
    am_pool_stats stats;
    for (;;) {
        am_pool_get_stats(pool, &stats);
        if (stats.n_active == n_active && stats.n_waiting == n_waiting) return;
        nap();
    }
}

static bool is_set(void *user) {
    return atomic_load((atomic_bool *)user);
}

/* Long enough to be there until it is cancelled. */
static recording endless(const am_callbacks *callbacks) {
    recording r = {.samples = noise, .n = N_NOISE, .params = quick_params(),
                   .callbacks = *callbacks};
    r.params.beam_size = 5;
    r.params.max_new_tokens = 200;
    r.params.audio_ctx = AM_AUDIO_CTX_FULL;
    return r;
}

static void turns_are_waited_for(void **state) {
    (void)state;
    am_engine *engine = open_random(AM_COMPUTE_INT8);
    atomic_bool stop_waiting = false, stop_running = false;
    const am_callbacks running = {NULL, NULL, is_set, &stop_running};
    const am_callbacks waiting = {NULL, NULL, is_set, &stop_waiting};
    am_pool *pool = new_pool(engine, 2, 2);
    recording first[2] = {endless(&running), endless(&running)};
    recording later[3] = {endless(&waiting), varied(0), endless(&waiting)};
    transcribe_alone(engine, &later[1]);
    for (size_t i = 0; i < 2; i++) start(&first[i], pool);
    await_calls(pool, 2, 0);
    for (size_t i = 0; i < 3; i++) start(&later[i], pool);
    await_calls(pool, 2, 3);
    const double before = am__now();
    atomic_store(&stop_waiting, true);
    await_calls(pool, 2, 1);
    assert_true(am__now() - before < 5); /* .1 s, on a machine that is idle */
    for (size_t i = 0; i < 3; i += 2) {
        size_t n = 1;
        join(&later[i]);
        assert_int_equal(later[i].status, AM_E_CANCELLED);
        am_result_segments(later[i].result, &n);
        assert_int_equal(n, 0);
    }
    atomic_store(&stop_running, true);
    assert_true(join_and_compare(&later[1], 1) > 0);
    for (size_t i = 0; i < 2; i++) {
        join(&first[i]);
        assert_int_equal(first[i].status, AM_E_CANCELLED);
    }
    free_results(first, 2);
    free_results(later, 3);
    am_pool_free(&pool);
    am_engine_close(&engine);
}

/* A long recording leaves a slot free, and a short one that comes later is done before it. */
static void short_ones_do_not_wait(void **state) {
    (void)state;
    am_engine *engine = open_random(AM_COMPUTE_INT8);
    atomic_bool stop = false;
    const am_callbacks callbacks = {NULL, NULL, is_set, &stop};
    am_pool *pool = new_pool(engine, 2, 16);
    am_pool_stats stats = {0};
    recording slow = endless(&callbacks);
    recording quick = varied(0);
    transcribe_alone(engine, &quick);
    start(&slow, pool);
    while (stats.n_steps < 20) {
        am_pool_get_stats(pool, &stats);
        assert_true(stats.n_windows <= 1);
        nap();
    }
    start(&quick, pool);
    join_and_compare(&quick, 1);
    am_pool_get_stats(pool, &stats);
    assert_int_equal(stats.n_active, 1);
    atomic_store(&stop, true);
    join(&slow);
    assert_int_equal(slow.status, AM_E_CANCELLED);
    free_results(&quick, 1);
    free_results(&slow, 1);
    am_pool_free(&pool);
    am_engine_close(&engine);
}

static void freeing_cancels(void **state) {
    (void)state;
    am_engine *engine = open_random(AM_COMPUTE_INT8);
    const am_callbacks none = {NULL, NULL, NULL, NULL};
    am_pool *pool = new_pool(engine, 2, 2);
    recording r[4];
    for (size_t i = 0; i < 4; i++) {
        r[i] = endless(&none);
        start(&r[i], pool);
    }
    await_calls(pool, 2, 2);
    am_pool_free(&pool);
    assert_null(pool);
    for (size_t i = 0; i < 4; i++) {
        join(&r[i]);
        assert_int_equal(r[i].status, AM_E_CANCELLED);
    }
    free_results(r, 4);
    am_pool_free(&pool);
    am_engine_close(&engine);
}

static void wrong_options_are_told(void **state) {
    (void)state;
    am_engine *engine = open_random(AM_COMPUTE_INT8);
    am_pool *pool = NULL;
    am_error error;
    static const am_pool_options wrong[] = {{0, 5, 16}, {65, 5, 16}, {8, 0, 16}, {8, 17, 16},
                                            {64, 8, 16}, {8, 5, 0}, {8, 5, 1025}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(am_pool_new(engine, &wrong[i], &pool, &error), AM_E_ARG);
        assert_null(pool);
    }
    pool = new_pool(engine, 2, 2);
    recording r = varied(1);
    r.pool = pool;
    r.params.mode = AM_MODE_SEQUENTIAL;
    transcribe_in_pool(&r);
    assert_int_equal(r.status, AM_E_UNSUPPORTED);
    r.params = quick_params();
    r.params.best_of = 6;
    transcribe_in_pool(&r);
    assert_int_equal(r.status, AM_E_LIMIT);
    r.params.best_of = 0;
    transcribe_in_pool(&r);
    assert_int_equal(r.status, AM_E_ARG);
    am_pool_free(&pool);
    am_engine_close(&engine);
}

/* A pool with nothing to do does nothing. */
static void idle_pools_sleep(void **state) {
    (void)state;
    am_engine *engine = open_random(AM_COMPUTE_INT8);
    am_pool *pool = new_pool(engine, 8, 16);
    recording r = varied(3);
    transcribe_alone(engine, &r);
    start(&r, pool);
    join_and_compare(&r, 1);
    nap();
    const clock_t before = clock();
    nanosleep(&(struct timespec){0, 300000000}, NULL);
    const double used = (double)(clock() - before) / CLOCKS_PER_SEC;
    if (used > 0.03) fail_msg("%.3f s of CPU in .3 s", used);
    free_results(&r, 1);
    am_pool_free(&pool);
    am_engine_close(&engine);
}

/* ---- Speech -------------------------------------------------------------------------------- */

/* The first seconds of a shared file, or NULL; the caller's to free. */
static float *read_speech(const char *name, size_t n_max, size_t *n) {
    const char *path = shared_path(name);
    if (path == NULL) return NULL;
    am_error error;
    am_audio *audio = NULL;
    size_t n_read = 1;
    float *samples = malloc(n_max * sizeof *samples);
    assert_non_null(samples);
    must(am_audio_open_file(path, NULL, &audio, &error), &error);
    for (*n = 0; *n < n_max && n_read > 0; *n += n_read) {
        must(am_audio_read(audio, samples + *n, n_max - *n, &n_read, &error), &error);
    }
    am_audio_close(&audio);
    return samples;
}

static void company_does_not_change_speech(void **state) {
    (void)state;
    static const char *const names[] = {
        "audio/long/19-198_chapter.opus",
        "audio/english/misc/jfk.flac",
        "audio/english/misc/common_voice_en_22058266.mp3",
        "audio/english/librispeech_misc/2412-153948-0000.flac",
    };
    am_error error;
    am_engine *engine = NULL;
    float *speech[4];
    size_t n[4];
    const char *model = shared_path("models/whisper-tiny.en");
    if (model == NULL) skip();
    must(am_engine_open(model, NULL, &engine, &error), &error);
    recording r[N_RECORDINGS];
    for (size_t i = 0; i < 4; i++) {
        speech[i] = read_speech(names[i], (i == 0 ? 70 : 15) * AM_SAMPLE_RATE, &n[i]);
        if (speech[i] == NULL) skip();
    }
    for (size_t i = 0; i < N_RECORDINGS; i++) {
        r[i] = (recording){.samples = speech[i % 4], .n = n[i % 4]};
        am_params_init(&r[i].params);
        r[i].params.vad_filter = i < 8; /* with the detector beside the model or installed */
        r[i].params.vad.min_silence_duration_ms = i % 3 == 0 ? 160 : 500;
        if (am_engine_check(engine, &r[i].params, NULL) != AM_OK) r[i].params.vad_filter = false;
        r[i].params.beam_size = 1 + (int)(i % 5);
        r[i].params.word_timestamps = i % 3 != 1;
        r[i].params.n_temperatures = i % 2 == 0 ? 6 : 1;
        r[i].params.temperatures[0] = i == 6 ? 0.5 : 0;
        r[i].params.without_timestamps = i == 7;
        transcribe_alone(engine, &r[i]);
    }
    am_pool *pool = new_pool(engine, 8, 16);
    for (size_t i = 0; i < N_RECORDINGS; i++) start(&r[i], pool);
    assert_true(join_and_compare(r, N_RECORDINGS) >= N_RECORDINGS);
    assert_non_null(strstr(am_result_text(r[1].result), "country"));
    am_pool_free(&pool);
    free_results(r, N_RECORDINGS);
    for (size_t i = 0; i < 4; i++) free(speech[i]);
    am_engine_close(&engine);
}

/* An argument is the name of the only test to run. */
int main(int argc, char **argv) {
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    am_rng rng;
    am__rng_seed(&rng, 2);
    for (size_t i = 0; i < N_NOISE; i++) {
        const double level = 0.02 + 0.1 * pow(sin((double)i / (7.3 * AM_SAMPLE_RATE)), 2);
        noise[i] = (float)(level * am__rng_normal(&rng));
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(company_does_not_change_int8),
        cmocka_unit_test(company_does_not_change_f32),
        cmocka_unit_test(trouble_is_not_shared),
        cmocka_unit_test(turns_are_waited_for),
        cmocka_unit_test(short_ones_do_not_wait),
        cmocka_unit_test(freeing_cancels),
        cmocka_unit_test(wrong_options_are_told),
        cmocka_unit_test(idle_pools_sleep),
        cmocka_unit_test(company_does_not_change_speech),
    };
    return cmocka_run_group_tests(tests, NULL, scratch_teardown);
}
