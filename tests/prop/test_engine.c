/*
 * Properties of whole transcriptions, on random weights of geometries nobody has to download: the
 * text is nonsense, but it must be the same nonsense however it is computed, and its times must
 * hold together.
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
#include "base/utf8.h"
#include "scratch.h"
#include "weights.h"

#define N_SAMPLES (40 * AM_SAMPLE_RATE) /* more than one window */

/* Deep enough that states cross many layers; sanitizers check every load of every layer. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define N_DEEP_LAYERS 4
#else
#define N_DEEP_LAYERS 32
#endif

static float noise[N_SAMPLES];

typedef struct geometry {
    const char *name;
    am_dims dims;
} geometry;

static const geometry geometries[] = {
    {"english", {.n_mels = 80, .n_vocab = 51864, .d_model = 64, .n_encoder_layers = 2,
                 .n_decoder_layers = 2, .n_audio_ctx = 1500, .n_text_ctx = 448}},
    {"large-v3-thin", {.n_mels = 128, .n_vocab = 51866, .d_model = 64,
                       .n_encoder_layers = N_DEEP_LAYERS, .n_decoder_layers = N_DEEP_LAYERS,
                       .n_audio_ctx = 1500, .n_text_ctx = 448}},
    {"distil", {.n_mels = 80, .n_vocab = 51865, .d_model = 128, .n_encoder_layers = 4,
                .n_decoder_layers = 2, .n_audio_ctx = 1500, .n_text_ctx = 448}},
};

static void must(am_status status, const am_error *error) {
    if (status != AM_OK) fail_msg("%s: %s", am_status_name(status), error->detail);
}

static am_engine *open_engine_as(const geometry *g, int n_threads, am_compute_type type) {
    char path[4096];
    am_error error;
    am_engine *engine = NULL;
    am_engine_options options;
    am_engine_options_init(&options);
    options.n_threads = n_threads;
    options.compute_type = type;
    scratch_path(g->name, path, sizeof path);
    FILE *there = fopen(path, "rb");
    if (there != NULL) {
        fclose(there);
    } else {
        const weights w = weights_random(&g->dims, 7);
        weights_write_ggml(&w, AM_DTYPE_F16, path);
    }
    must(am_engine_open(path, &options, &engine, &error), &error);
    return engine;
}

static am_engine *open_engine(const geometry *g, int n_threads) {
    return open_engine_as(g, n_threads, AM_COMPUTE_F32);
}

static am_params quick_params(void) {
    am_params params;
    am_params_init(&params);
    params.mode = AM_MODE_SEQUENTIAL;
    params.language = "en";
    params.beam_size = 2;
    params.n_temperatures = 1;
    params.max_new_tokens = 12;
    params.no_speech_threshold = NAN; /* random weights hear silence everywhere */
    return params;
}

static am_result *transcribe(am_engine *engine, size_t n_samples, const am_params *params,
                             const am_callbacks *callbacks, am_status expected) {
    am_error error;
    am_session *session = NULL;
    am_audio *audio = NULL;
    am_result *result = NULL;
    must(am_session_new(engine, &session, &error), &error);
    must(am_audio_open_pcm(noise, n_samples, &audio, &error), &error);
    const am_status status = am_transcribe(session, audio, params, callbacks, &result, &error);
    if (status != expected) fail_msg("%s: %s", am_status_name(status), error.detail);
    am_audio_close(&audio);
    am_session_free(&session);
    return result;
}

static void assert_same(const am_result *a, const am_result *b) {
    size_t n = 0;
    size_t m = 0;
    const am_segment *x = am_result_segments(a, &n);
    const am_segment *y = am_result_segments(b, &m);
    assert_int_equal(n, m);
    assert_string_equal(am_result_text(a), am_result_text(b));
    for (size_t i = 0; i < n; i++) {
        assert_true(x[i].start == y[i].start && x[i].end == y[i].end);
        assert_int_equal(x[i].n_tokens, y[i].n_tokens);
        assert_memory_equal(x[i].tokens, y[i].tokens, x[i].n_tokens * sizeof *x[i].tokens);
        assert_memory_equal(x[i].token_logprobs, y[i].token_logprobs,
                            x[i].n_tokens * sizeof *x[i].token_logprobs);
        assert_true(x[i].avg_logprob == y[i].avg_logprob);
    }
}

/* Threads share out work but never split a sum: the bits must not depend on them. */
static void threads_do_not_change(am_compute_type type) {
    const am_params params = quick_params();
    for (size_t i = 0; i < sizeof geometries / sizeof *geometries; i++) {
        am_result *results[2] = {NULL, NULL};
        for (int t = 0; t < 2; t++) {
            am_engine *engine = open_engine_as(&geometries[i], t == 0 ? 1 : 3, type);
            results[t] = transcribe(engine, 3 * AM_SAMPLE_RATE, &params, NULL, AM_OK);
            am_engine_close(&engine);
        }
        size_t n = 0;
        am_result_segments(results[0], &n);
        assert_true(n > 0); /* or nothing was compared */
        assert_same(results[0], results[1]);
        am_result_free(&results[0]);
        am_result_free(&results[1]);
    }
}

static void threads_do_not_change_f32(void **state) {
    (void)state;
    threads_do_not_change(AM_COMPUTE_F32);
}

static void threads_do_not_change_int8(void **state) {
    (void)state;
    threads_do_not_change(AM_COMPUTE_INT8);
}

static void times_hold_together(void **state) {
    (void)state;
    am_engine *engine = open_engine(&geometries[0], 2);
    am_params params = quick_params();
    params.word_timestamps = true;
    am_result *result = transcribe(engine, N_SAMPLES, &params, NULL, AM_OK);
    size_t n = 0;
    const am_segment *segments = am_result_segments(result, &n);
    assert_true(n > 0);
    assert_true(am_result_duration(result) == 40.0);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(segments[i].id, i);
        assert_true(segments[i].start >= 0 && segments[i].start <= segments[i].end);
        for (size_t w = 0; w < segments[i].n_words; w++) {
            const am_word *word = &segments[i].words[w];
            assert_true(word->start <= word->end);
            assert_true(word->probability >= 0 && word->probability <= 1);
            if (w > 0) assert_true(word->start >= segments[i].words[w - 1].start);
        }
    }
    am_result_free(&result);
    am_engine_close(&engine);
}

typedef struct cancel_after {
    int n_polls_left;
    int n_segments;
} cancel_after;

static bool count_down(void *user) {
    cancel_after *c = user;
    return c->n_polls_left-- <= 0;
}

static void count_segment(void *user, const am_segment *segment) {
    (void)segment;
    ((cancel_after *)user)->n_segments++;
}

/* Whenever it is stopped, what was done before is there, and is what a whole run begins with. */
static void cancelling_keeps_what_is_done(void **state) {
    (void)state;
    am_engine *engine = open_engine(&geometries[0], 2);
    const am_params params = quick_params();
    am_result *whole = transcribe(engine, N_SAMPLES, &params, NULL, AM_OK);
    size_t n_whole = 0;
    const am_segment *expected = am_result_segments(whole, &n_whole);
    for (int n_polls = 0; n_polls < 25; n_polls += 6) {
        cancel_after c = {n_polls, 0};
        const am_callbacks callbacks = {.segment = count_segment, .cancel = count_down, .user = &c};
        am_result *part = transcribe(engine, N_SAMPLES, &params, &callbacks, AM_E_CANCELLED);
        size_t n = 0;
        const am_segment *segments = am_result_segments(part, &n);
        assert_int_equal(n, c.n_segments);
        assert_true(n <= n_whole);
        for (size_t i = 0; i < n; i++) assert_string_equal(segments[i].text, expected[i].text);
        am_result_free(&part);
    }
    am_result_free(&whole);
    am_engine_close(&engine);
}

static void sampling_repeats_with_its_seed(void **state) {
    (void)state;
    am_engine *engine = open_engine(&geometries[0], 2);
    am_params params = quick_params();
    params.temperatures[0] = 0.8;
    params.best_of = 3;
    am_result *results[3];
    for (uint64_t i = 0; i < 3; i++) {
        params.seed = i / 2;
        results[i] = transcribe(engine, 3 * AM_SAMPLE_RATE, &params, NULL, AM_OK);
    }
    assert_same(results[0], results[1]);
    assert_string_not_equal(am_result_text(results[0]), am_result_text(results[2]));
    for (int i = 0; i < 3; i++) am_result_free(&results[i]);
    am_engine_close(&engine);
}

/* The sum over the segments of a window, in the decoder's order; *n is how many tokens they have,
 * *next the first segment of the window after. */
static float window_sum(const am_segment *segments, size_t n_segments, size_t first, size_t *n,
                        size_t *next) {
    float sum = 0;
    size_t s = first;
    *n = 0;
    for (; s < n_segments && segments[s].seek == segments[first].seek; s++) {
        for (size_t t = 0; t < segments[s].n_tokens; t++) {
            assert_true(segments[s].token_logprobs[t] <= 0);
            sum += segments[s].token_logprobs[t];
        }
        *n += segments[s].n_tokens;
    }
    *next = s;
    return sum;
}

/* Where all tokens of a window are in its segments and none was the end, theirs are the sum that
 * avg_logprob comes from, to the bit. */
static void logprobs_add_up(void **state) {
    (void)state;
    am_engine *engine = open_engine(&geometries[0], 2);
    size_t n_whole[2] = {0, 0}; /* windows of one segment, and of several */
    for (uint64_t i = 0; i < 24; i++) {
        am_params params = quick_params();
        params.without_timestamps = i % 2 == 0;
        params.beam_size = 1;
        params.temperatures[0] = i < 4 ? 0 : 0.8;
        params.seed = i;
        params.max_new_tokens = i % 4 < 2 ? 12 : 40;
        am_result *result = transcribe(engine, N_SAMPLES, &params, NULL, AM_OK);
        size_t n_segments = 0;
        const am_segment *segments = am_result_segments(result, &n_segments);
        assert_true(n_segments > 0);
        for (size_t s = 0, next; s < n_segments; s = next) {
            size_t n = 0;
            const float sum = window_sum(segments, n_segments, s, &n, &next);
            const size_t n_sampled = (size_t)params.max_new_tokens;
            const float whole = (float)(segments[s].avg_logprob * (double)(n_sampled + 1));
            if (n == n_sampled) assert_true(sum == whole);
            if (n == n_sampled) n_whole[next - s > 1]++;
        }
        am_result_free(&result);
    }
    assert_true(n_whole[0] > 0 && n_whole[1] > 0); /* or nothing was compared */
    am_engine_close(&engine);
}

/* Texts of tokens are the segment's text; the English vocabulary ends in special tokens. */
static void tokens_have_texts(void **state) {
    (void)state;
    enum { EOT = 50256, FIRST_TIMESTAMP = 50363, N_VOCAB = 51864 };
    static const struct {
        int32_t token;
        const char *text;
    } specials[] = {{EOT, "<|endoftext|>"}, {EOT + 1, "<|startoftranscript|>"},
                    {FIRST_TIMESTAMP - 1, "<|notimestamps|>"}, {FIRST_TIMESTAMP, "<|0.00|>"},
                    {N_VOCAB - 1, "<|30.00|>"}};
    const am_params params = quick_params();
    am_engine *engine = open_engine(&geometries[0], 2);
    am_error error;
    char text[4096];
    size_t n = 0;
    assert_int_equal(am_engine_get_info(engine).n_text_tokens, EOT);
    for (size_t i = 0; i < sizeof specials / sizeof *specials; i++) {
        must(am_engine_token_text(engine, specials[i].token, text, sizeof text, &n, &error),
             &error);
        assert_int_equal(n, strlen(specials[i].text));
        assert_memory_equal(text, specials[i].text, n);
    }
    assert_int_equal(am_engine_token_text(engine, -1, text, 9, &n, &error), AM_E_ARG);
    assert_int_equal(am_engine_token_text(engine, N_VOCAB, text, 9, &n, &error), AM_E_ARG);
    am_result *result = transcribe(engine, 3 * AM_SAMPLE_RATE, &params, NULL, AM_OK);
    const am_segment *segment = am_result_segments(result, &n);
    assert_true(n > 0);
    size_t at = 0;
    for (size_t i = 0; i < segment->n_tokens; i++) {
        if (segment->tokens[i] >= EOT) continue;
        must(am_engine_token_text(engine, segment->tokens[i], text + at, sizeof text - at, &n,
                                  &error),
             &error);
        at += n;
    }
    char whole[3 * sizeof text + 1];
    am__utf8_repair(text, at, whole);
    assert_string_equal(whole, segment->text);
    am_result_free(&result);
    am_engine_close(&engine);
}

static void languages_are_a_distribution(void **state) {
    (void)state;
    am_error error;
    am_engine *engine = open_engine(&geometries[1], 2);
    am_session *session = NULL;
    am_audio *audio = NULL;
    am_language_prob probs[200];
    size_t n = 0;
    must(am_session_new(engine, &session, &error), &error);
    must(am_audio_open_pcm(noise, AM_SAMPLE_RATE, &audio, &error), &error);
    must(am_detect_language(session, audio, probs, 200, &n, &error), &error);
    assert_int_equal(n, 100);
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)probs[i].probability;
        if (i > 0) assert_true(probs[i].probability <= probs[i - 1].probability);
    }
    assert_true(fabs(sum - 1) < 1e-4);
    am_audio_close(&audio);
    am_session_free(&session);
    am_engine_close(&engine);
}

static void wrong_parameters_are_named(void **state) {
    (void)state;
    am_error error;
    am_engine *engine = open_engine(&geometries[0], 1);
    am_session *session = NULL;
    must(am_session_new(engine, &session, &error), &error);
    for (int i = 0; i < 6; i++) {
        static const char *const names[] = {"beam_size", "suppress_tokens", "language",
                                            "clip_timestamps", "max_new_tokens", "patience"};
        am_params params = quick_params();
        if (i == 0) params.beam_size = 0;
        if (i == 1) params.suppress_tokens = "12,x";
        if (i == 2) params.language = "klingon";
        if (i == 3) params.clip_timestamps = "3,1";
        if (i == 4) params.max_new_tokens = 1000;
        if (i == 5) params.patience = -1;
        am_audio *audio = NULL;
        am_result *result = NULL;
        must(am_audio_open_pcm(noise, AM_SAMPLE_RATE, &audio, &error), &error);
        assert_int_equal(am_transcribe(session, audio, &params, NULL, &result, &error), AM_E_ARG);
        assert_null(result);
        assert_non_null(strstr(error.detail, names[i]));
        am_audio_close(&audio);
    }
    am_session_free(&session);
    am_engine_close(&engine);
}

int main(void) {
    am_rng rng;
    am__rng_seed(&rng, 1);
    for (size_t i = 0; i < N_SAMPLES; i++) noise[i] = (float)(0.1 * am__rng_normal(&rng));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_do_not_change_f32),
        cmocka_unit_test(threads_do_not_change_int8),
        cmocka_unit_test(times_hold_together),
        cmocka_unit_test(cancelling_keeps_what_is_done),
        cmocka_unit_test(sampling_repeats_with_its_seed),
        cmocka_unit_test(logprobs_add_up),
        cmocka_unit_test(tokens_have_texts),
        cmocka_unit_test(languages_are_a_distribution),
        cmocka_unit_test(wrong_parameters_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, scratch_teardown);
}
