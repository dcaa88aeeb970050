/*
 * Properties of batched mode on random weights: the text is nonsense, but the same nonsense for any
 * size of batch and number of threads, in order of time, and a prefix of itself when it is stopped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "amanuensis.h"
#include "base/rng.h"
#include "scratch.h"
#include "weights.h"

#define N_SECONDS 125
#define N_SAMPLES (N_SECONDS * AM_SAMPLE_RATE)

static float noise[N_SAMPLES];

static void must(am_status status, const am_error *error) {
    if (status != AM_OK) fail_msg("%s: %s", am_status_name(status), error->detail);
}

static am_engine *open_engine(int n_vocab, int n_threads, am_compute_type type) {
    const am_dims dims = {.n_mels = 80, .n_vocab = n_vocab, .d_model = 64, .n_encoder_layers = 1,
                          .n_decoder_layers = 2, .n_audio_ctx = 1500, .n_text_ctx = 448};
    char path[4096];
    am_error error;
    am_engine *engine = NULL;
    am_engine_options options;
    am_engine_options_init(&options);
    options.n_threads = n_threads;
    options.compute_type = type;
    scratch_path(n_vocab == 51864 ? "english.bin" : "multilingual.bin", path, sizeof path);
    FILE *there = fopen(path, "rb");
    if (there != NULL) {
        fclose(there);
    } else {
        const weights w = weights_random(&dims, 11);
        weights_write_ggml(&w, AM_DTYPE_F16, path);
    }
    must(am_engine_open(path, &options, &engine, &error), &error);
    return engine;
}

/* Windows that fail a gate at temperature 0 sample at .7; repetitive ones are tried in full context
 * between the two. */
static am_params quick_params(void) {
    am_params params;
    am_params_init(&params);
    params.language = "en";
    params.vad_filter = false;
    params.beam_size = 2;
    params.best_of = 2;
    params.temperatures[1] = 0.7;
    params.n_temperatures = 2;
    params.max_new_tokens = 12;
    params.no_speech_threshold = NAN; /* random weights hear silence everywhere */
    return params;
}

static am_result *transcribe(am_engine *engine, const am_params *params,
                             const am_callbacks *callbacks, am_status expected) {
    am_error error;
    am_session *session = NULL;
    am_audio *audio = NULL;
    am_result *result = NULL;
    must(am_session_new(engine, &session, &error), &error);
    must(am_audio_open_pcm(noise, N_SAMPLES, &audio, &error), &error);
    const am_status status = am_transcribe(session, audio, params, callbacks, &result, &error);
    if (status != expected) fail_msg("%s: %s", am_status_name(status), error.detail);
    am_audio_close(&audio);
    am_session_free(&session);
    return result;
}

/* To the last bit of what the model computed. */
static void assert_same(const am_result *a, const am_result *b) {
    size_t n = 0;
    size_t m = 0;
    const am_segment *x = am_result_segments(a, &n);
    const am_segment *y = am_result_segments(b, &m);
    assert_string_equal(am_result_text(a), am_result_text(b));
    assert_int_equal(n, m);
    for (size_t i = 0; i < n; i++) {
        assert_true(x[i].start == y[i].start && x[i].end == y[i].end);
        assert_int_equal(x[i].n_tokens, y[i].n_tokens);
        assert_memory_equal(x[i].tokens, y[i].tokens, x[i].n_tokens * sizeof *x[i].tokens);
        assert_memory_equal(x[i].token_logprobs, y[i].token_logprobs,
                            x[i].n_tokens * sizeof *x[i].token_logprobs);
        assert_true(x[i].temperature == y[i].temperature);
        assert_int_equal(x[i].n_words, y[i].n_words);
        assert_true(x[i].avg_logprob == y[i].avg_logprob);
    }
}

static void batches_do_not_change(am_compute_type type) {
    static const struct {
        int batch_size, n_threads;
    } ways[] = {{1, 1}, {3, 2}, {16, 1}, {16, 2}};
    am_result *first = NULL;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        am_params params = quick_params();
        params.batch_size = ways[i].batch_size;
        params.word_timestamps = true;
        am_engine *engine = open_engine(51864, ways[i].n_threads, type);
        am_result *result = transcribe(engine, &params, NULL, AM_OK);
        am_engine_close(&engine);
        if (first == NULL) {
            size_t n = 0, n_sampled = 0;
            const am_segment *segments = am_result_segments(result, &n);
            for (size_t s = 0; s < n; s++) n_sampled += segments[s].temperature > 0 ? 1 : 0;
            assert_true(n >= 6 && n_sampled > 0); /* or nothing was compared */
            first = result;
            continue;
        }
        assert_same(first, result);
        am_result_free(&result);
    }
    am_result_free(&first);
}

static void batches_do_not_change_int8(void **state) {
    (void)state;
    batches_do_not_change(AM_COMPUTE_INT8);
}

static void batches_do_not_change_f32(void **state) {
    (void)state;
    batches_do_not_change(AM_COMPUTE_F32);
}

/* What the callbacks saw. */
typedef struct witness {
    int n_polls_left;
    size_t n_enough; /* segments that end it, 0 = none do */
    size_t n_segments;
    double last_start, last_done;
    bool in_order;
} witness;

static bool count_down(void *user) {
    witness *w = user;
    return (w->n_enough > 0 && w->n_segments >= w->n_enough) || w->n_polls_left-- <= 0;
}

static void see_segment(void *user, const am_segment *segment) {
    witness *w = user;
    w->in_order = w->in_order && segment->start >= w->last_start &&
                  segment->id == (int)w->n_segments;
    w->last_start = segment->start;
    w->n_segments++;
}

static void see_progress(void *user, double done_s, double total_s) {
    witness *w = user;
    w->in_order = w->in_order && done_s >= w->last_done && (total_s < 0 || done_s <= total_s);
    w->last_done = done_s;
}

static void segments_come_in_order(void **state) {
    (void)state;
    am_engine *engine = open_engine(51864, 2, AM_COMPUTE_INT8);
    witness w = {.n_polls_left = 1 << 30, .in_order = true};
    const am_callbacks callbacks = {see_progress, see_segment, count_down, &w};
    am_params params = quick_params();
    params.word_timestamps = true;
    am_result *result = transcribe(engine, &params, &callbacks, AM_OK);
    size_t n = 0;
    const am_segment *segments = am_result_segments(result, &n);
    assert_true(n > 0 && n == w.n_segments && w.in_order);
    assert_true(w.last_done == N_SECONDS);
    assert_true(am_result_duration(result) == N_SECONDS);
    for (size_t i = 0; i < n; i++) {
        assert_true(segments[i].start >= 0 && segments[i].start <= segments[i].end);
        assert_true(segments[i].end <= N_SECONDS);
        for (size_t word = 0; word < segments[i].n_words; word++) {
            assert_true(segments[i].words[word].start <= segments[i].words[word].end);
        }
    }
    am_result_free(&result);
    am_engine_close(&engine);
}

static void cancelling_keeps_a_prefix(void **state) {
    (void)state;
    am_engine *engine = open_engine(51864, 2, AM_COMPUTE_INT8);
    am_params params = quick_params();
    params.batch_size = 3;
    am_result *whole = transcribe(engine, &params, NULL, AM_OK);
    size_t n_whole = 0;
    const am_segment *expected = am_result_segments(whole, &n_whole);
    assert_true(n_whole > 4);
    for (size_t i = 0; i < 7; i++) {
        /* How often it is asked depends on how often it waits for audio: first by that number, then
         * by what has come out. */
        witness w = {.n_polls_left = i < 3 ? (int)(i * 7) : 1 << 30, .in_order = true};
        if (i >= 3) w.n_enough = i - 2;
        const am_callbacks callbacks = {see_progress, see_segment, count_down, &w};
        am_result *part = transcribe(engine, &params, &callbacks, AM_E_CANCELLED);
        size_t n = 0;
        const am_segment *segments = am_result_segments(part, &n);
        assert_int_equal(n, w.n_segments);
        assert_true(n >= w.n_enough && n <= n_whole && w.in_order);
        for (size_t s = 0; s < n; s++) assert_string_equal(segments[s].text, expected[s].text);
        am_result_free(&part);
    }
    am_result_free(&whole);
    am_engine_close(&engine);
}

/* What was cut short leaves nothing behind in its session. */
static void sessions_go_on_after_cancelling(void **state) {
    (void)state;
    am_error error;
    am_engine *engine = open_engine(51864, 2, AM_COMPUTE_INT8);
    am_session *session = NULL;
    am_params params = quick_params();
    params.clip_timestamps = "0,60";
    am_result *alone[2] = {NULL, NULL};
    for (int mode = 0; mode < 2; mode++) {
        params.mode = mode == 0 ? AM_MODE_BATCHED : AM_MODE_SEQUENTIAL;
        alone[mode] = transcribe(engine, &params, NULL, AM_OK);
    }
    must(am_session_new(engine, &session, &error), &error);
    for (int i = 0; i < 4; i++) {
        am_audio *audio = NULL;
        am_result *result = NULL;
        witness w = {.n_polls_left = i % 2 == 0 ? 12 : 1 << 30, .in_order = true};
        const am_callbacks callbacks = {see_progress, see_segment, count_down, &w};
        params.mode = i == 1 ? AM_MODE_SEQUENTIAL : AM_MODE_BATCHED;
        /* More windows are under way when it is cut short than there are afterwards. */
        params.clip_timestamps = i % 2 == 0 ? "0" : "0,60";
        must(am_audio_open_pcm(noise, N_SAMPLES, &audio, &error), &error);
        const am_status status =
            am_transcribe(session, audio, &params, &callbacks, &result, &error);
        assert_int_equal(status, i % 2 == 0 ? AM_E_CANCELLED : AM_OK);
        if (i % 2 == 1) assert_same(alone[i == 1], result);
        am_result_free(&result);
        am_audio_close(&audio);
    }
    am_session_free(&session);
    am_result_free(&alone[0]);
    am_result_free(&alone[1]);
    am_engine_close(&engine);
}

/* Hints, a prefix, another task, detection and clips reach the windows. */
static void parameters_matter(void **state) {
    (void)state;
    am_engine *engine = open_engine(51865, 2, AM_COMPUTE_INT8);
    am_params plain = quick_params();
    plain.clip_timestamps = "10,20,60,100";
    am_result *base = transcribe(engine, &plain, NULL, AM_OK);
    size_t n = 0;
    const am_segment *segments = am_result_segments(base, &n);
    assert_true(n > 0);
    for (size_t i = 0; i < n; i++) {
        assert_true(segments[i].start >= 10 && segments[i].end <= 100);
        assert_true(segments[i].end <= 20 || segments[i].start >= 60);
    }
    for (int i = 0; i < 5; i++) {
        am_params params = plain;
        if (i == 0) params.initial_prompt = "some words";
        if (i == 1) params.hotwords = "other words";
        if (i == 2) params.prefix = "so";
        if (i == 3) params.task = AM_TASK_TRANSLATE;
        if (i == 4) params.language = NULL;
        am_result *result = transcribe(engine, &params, NULL, AM_OK);
        if (i < 4) assert_string_not_equal(am_result_text(result), am_result_text(base));
        if (i == 4) assert_true(am_result_language_probability(result) < 1);
        am_result_free(&result);
    }
    am_result_free(&base);
    am_engine_close(&engine);
}

static void detector_must_be_there(void **state) {
    (void)state;
    am_error error;
    am_params params = quick_params();
    params.vad_filter = true;
    am_engine *engine = open_engine(51864, 1, AM_COMPUTE_F32);
    if (am_engine_check(engine, &params, &error) != AM_OK) { /* installed here: nothing to see */
        assert_int_equal(error.status, AM_E_NOT_FOUND);
        assert_non_null(strstr(error.detail, "amanuensis pull silero-vad"));
    }
    params.vad_filter = false;
    must(am_engine_check(engine, &params, &error), &error);
    params.mode = AM_MODE_SEQUENTIAL;
    params.vad_filter = true;
    must(am_engine_check(engine, &params, &error), &error);
    params.batch_size = 0;
    assert_int_equal(am_engine_check(engine, &params, &error), AM_E_ARG);
    assert_non_null(strstr(error.detail, "batch_size"));
    am_engine_close(&engine);
}

int main(void) {
    am_rng rng;
    am__rng_seed(&rng, 2);
    /* Louder and quieter by turns, so that windows end at different places. */
    for (size_t i = 0; i < N_SAMPLES; i++) {
        const double level = 0.02 + 0.1 * pow(sin((double)i / (7.3 * AM_SAMPLE_RATE)), 2);
        noise[i] = (float)(level * am__rng_normal(&rng));
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_do_not_change_int8),
        cmocka_unit_test(batches_do_not_change_f32),
        cmocka_unit_test(segments_come_in_order),
        cmocka_unit_test(cancelling_keeps_a_prefix),
        cmocka_unit_test(sessions_go_on_after_cancelling),
        cmocka_unit_test(parameters_matter),
        cmocka_unit_test(detector_must_be_there),
    };
    return cmocka_run_group_tests(tests, NULL, scratch_teardown);
}
