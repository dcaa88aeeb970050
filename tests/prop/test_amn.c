/*
 * Our own model file: an engine that was opened from it computes to the bit what one from the
 * source computes in 8-bit integers, on every instruction set, for every format it can be made
 * of; damaged weights make nonsense and no harm.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/rng.h"
#include "mend_amn.h"
#include "model/amn.h"
#include "scratch.h"
#include "support/shared.h"
#include "weights.h"

#define N_SAMPLES (2 * AM_SAMPLE_RATE)

static float noise[N_SAMPLES];

typedef struct source {
    const char *name;
    enum { GGML, CT2, SAFETENSORS } format;
    am_dtype dtype;
    am_dims dims;
} source;

static const source sources[] = {
    {"english-f16.bin", GGML, AM_DTYPE_F16,
     {.n_mels = 80, .n_vocab = 51864, .d_model = 64, .n_encoder_layers = 2, .n_decoder_layers = 2,
      .n_audio_ctx = 1500, .n_text_ctx = 448}},
    {"english-q5_0.bin", GGML, AM_DTYPE_Q5_0,
     {.n_mels = 80, .n_vocab = 51864, .d_model = 64, .n_encoder_layers = 1, .n_decoder_layers = 1,
      .n_audio_ctx = 1500, .n_text_ctx = 448}},
    {"distil-int8", CT2, AM_DTYPE_I8_ROWS,
     {.n_mels = 80, .n_vocab = 51865, .d_model = 128, .n_encoder_layers = 3, .n_decoder_layers = 1,
      .n_audio_ctx = 1500, .n_text_ctx = 448}},
    {"large-v3-thin-bf16", SAFETENSORS, AM_DTYPE_BF16,
     {.n_mels = 128, .n_vocab = 51866, .d_model = 64, .n_encoder_layers = 3,
      .n_decoder_layers = 3, .n_audio_ctx = 1500, .n_text_ctx = 448}},
};

static void must(am_status status, const am_error *error) {
    if (status != AM_OK) fail_msg("%s: %s", am_status_name(status), error->detail);
}

/* Writes the source and the .amn file made of it. */
static void write_both(const source *s, am_compute_type type, char model[static 4096],
                       char amn[static 4096]) {
    char name[128];
    am_error error;
    const weights w = weights_random(&s->dims, 7);
    snprintf(name, sizeof name, "%s.amn", s->name);
    scratch_path(s->name, model, 4096);
    scratch_path(name, amn, 4096);
    if (s->format == GGML) weights_write_ggml(&w, s->dtype, model);
    if (s->format == CT2) weights_write_ct2(&w, s->dtype, model);
    if (s->format == SAFETENSORS) weights_write_safetensors(&w, s->dtype, 1, model);
    must(am_model_quantize(model, NULL, type, amn, &error), &error);
    must(am_model_verify(amn, &error), &error);
}

static am_engine *open_engine(const char *path, am_compute_type type) {
    am_error error;
    am_engine *engine = NULL;
    am_engine_options options;
    am_engine_options_init(&options);
    options.n_threads = 2;
    options.compute_type = type;
    must(am_engine_open(path, &options, &engine, &error), &error);
    return engine;
}

static am_result *transcribe(am_engine *engine, const float *samples, size_t n_samples) {
    am_error error;
    am_session *session = NULL;
    am_audio *audio = NULL;
    am_result *result = NULL;
    am_params params;
    am_params_init(&params);
    params.vad_filter = false;
    params.language = "en";
    params.beam_size = 2;
    params.n_temperatures = 1;
    params.max_new_tokens = 6;
    params.word_timestamps = true;
    params.no_speech_threshold = NAN; /* random weights hear silence everywhere */
    must(am_session_new(engine, &session, &error), &error);
    must(am_audio_open_pcm(samples, n_samples, &audio, &error), &error);
    must(am_transcribe(session, audio, &params, NULL, &result, &error), &error);
    am_audio_close(&audio);
    am_session_free(&session);
    return result;
}

/* All that can be seen of it, to the bit. */
static void assert_same(const am_result *a, const am_result *b) {
    size_t n = 0, m = 0;
    const am_segment *x = am_result_segments(a, &n);
    const am_segment *y = am_result_segments(b, &m);
    assert_int_equal(n, m);
    assert_true(n > 0); /* or nothing was compared */
    for (size_t i = 0; i < n; i++) {
        assert_true(x[i].start == y[i].start && x[i].end == y[i].end);
        assert_int_equal(x[i].n_tokens, y[i].n_tokens);
        assert_memory_equal(x[i].tokens, y[i].tokens, x[i].n_tokens * sizeof *x[i].tokens);
        assert_memory_equal(x[i].token_logprobs, y[i].token_logprobs,
                            x[i].n_tokens * sizeof *x[i].token_logprobs);
        assert_true(x[i].avg_logprob == y[i].avg_logprob);
        assert_true(x[i].no_speech_prob == y[i].no_speech_prob);
        assert_int_equal(x[i].n_words, y[i].n_words);
        for (size_t k = 0; k < x[i].n_words; k++) {
            assert_string_equal(x[i].words[k].text, y[i].words[k].text);
            assert_true(x[i].words[k].start == y[i].words[k].start);
            assert_true(x[i].words[k].probability == y[i].words[k].probability);
        }
    }
}

/* Opens both and compares what they hear. */
static void compare_engines(const char *model, const char *amn, am_compute_type type,
                            const float *samples, size_t n_samples) {
    am_engine *engine = open_engine(model, type);
    am_result *want = transcribe(engine, samples, n_samples);
    am_engine_close(&engine);
    engine = open_engine(amn, AM_COMPUTE_INT8);
    assert_int_equal(am_engine_get_info(engine).compute_type, type);
    assert_string_equal(am_engine_get_info(engine).format, "amn");
    am_result *got = transcribe(engine, samples, n_samples);
    assert_same(want, got);
    am_result_free(&want);
    am_result_free(&got);
    am_engine_close(&engine);
}

static void same_as_the_source_in_four_bits(void **state) {
    (void)state;
    static const uint32_t masks[] = {AM_CPU_ALL, AM_CPU_AVX2 | AM_CPU_NEON, 0};
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        char model[4096], amn[4096];
        write_both(&sources[i], AM_COMPUTE_INT4, model, amn);
        for (size_t level = 0; level < (i == 0 ? 3 : 1); level++) {
            am_cpu_set_mask(masks[level]);
            compare_engines(model, amn, AM_COMPUTE_INT4, noise, N_SAMPLES);
        }
        am_cpu_set_mask(AM_CPU_ALL);
        scratch_clean();
    }
}

static void same_as_the_source(void **state) {
    (void)state;
    static const uint32_t masks[] = {AM_CPU_ALL, AM_CPU_AVX2 | AM_CPU_AVX512,
                                     AM_CPU_AVX2 | AM_CPU_AVXVNNI,
                                     AM_CPU_AVX2 | AM_CPU_NEON, 0};
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        char model[4096], amn[4096];
        write_both(&sources[i], AM_COMPUTE_INT8, model, amn);
        /* One source on all of them is enough: panels are panels. */
        const size_t n_levels = i == 0 ? sizeof masks / sizeof masks[0] : 1;
        for (size_t level = 0; level < n_levels; level++) {
            am_cpu_set_mask(masks[level]);
            compare_engines(model, amn, AM_COMPUTE_INT8, noise, N_SAMPLES);
        }
        am_cpu_set_mask(AM_CPU_ALL);
        scratch_clean();
    }
}

static void same_as_the_source_on_speech(void **state) {
    (void)state;
    char model[4096], amn[4096];
    static float speech[20 * AM_SAMPLE_RATE];
    am_error error;
    am_audio *audio = NULL;
    size_t n = 0, n_read = 1;
    const char *path = shared_path("models/whisper-tiny.en");
    if (path == NULL) skip();
    snprintf(model, sizeof model, "%s", path);
    path = shared_path("audio/long/19-198_chapter.opus");
    if (path == NULL) skip();
    must(am_audio_open_file(path, NULL, &audio, &error), &error);
    while (n < sizeof speech / sizeof speech[0] && n_read > 0) {
        must(am_audio_read(audio, speech + n, sizeof speech / sizeof speech[0] - n, &n_read,
                           &error), &error);
        n += n_read;
    }
    am_audio_close(&audio);
    scratch_path("tiny.en.amn", amn, sizeof amn);
    must(am_model_quantize(model, NULL, AM_COMPUTE_INT8, amn, &error), &error);
    compare_engines(model, amn, AM_COMPUTE_INT8, speech, n);
    must(am_model_quantize(model, NULL, AM_COMPUTE_INT4, amn, &error), &error);
    must(am_model_verify(amn, &error), &error);
    compare_engines(model, amn, AM_COMPUTE_INT4, speech, n);
    scratch_clean();
}

/* Rows of a tensor of both models: equal, or with a relative error below `bound`. */
static void compare_tensors(const am_tensor *want, const am_tensor *got, double bound) {
    assert_int_equal(want->n_rows, got->n_rows);
    assert_int_equal(want->n_cols, got->n_cols);
    float *x = calloc(want->n_cols, sizeof *x), *y = calloc(want->n_cols, sizeof *y);
    double error = 0, power = 0;
    for (size_t row = 0; row < want->n_rows; row++) {
        am__tensor_rows_f32(want, row, 1, x);
        am__tensor_rows_f32(got, row, 1, y);
        for (size_t i = 0; i < want->n_cols; i++) {
            error += ((double)x[i] - (double)y[i]) * ((double)x[i] - (double)y[i]);
            power += (double)x[i] * (double)x[i];
        }
    }
    if (!(error <= bound * bound * power)) fail_msg("%s: %g of %g", got->name, error, power);
    free(x);
    free(y);
}

static void compare_models(const am_model *want, const am_model *got) {
    const am_dims *d = am__model_dims(want);
    size_t n, m;
    assert_memory_equal(d, am__model_dims(got), sizeof *d);
    const am_head_id *heads = am__model_alignment_heads(want, &n);
    const am_head_id *their_heads = am__model_alignment_heads(got, &m);
    assert_int_equal(n, m);
    assert_memory_equal(heads, their_heads, n * sizeof *heads);
    const am_token_text *tokens = am__model_vocabulary(want, &n);
    const am_token_text *their_tokens = am__model_vocabulary(got, &m);
    assert_int_equal(n, m);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(tokens[i].n_bytes, their_tokens[i].n_bytes);
        assert_memory_equal(tokens[i].bytes, their_tokens[i].bytes, tokens[i].n_bytes);
    }
    for (int role = 0; role < AM_N_GLOBAL_ROLES; role++) {
        if (role == AM_T_CONV2_W) continue; /* in another order: the engines compare it */
        compare_tensors(am__model_global(want, (am_global_role)role),
                        am__model_global(got, (am_global_role)role),
                        role == AM_T_TOKEN_EMB ? 0.01 : 0);
    }
    for (int decoder = 0; decoder < 2; decoder++) {
        const int n_layers = decoder != 0 ? d->n_decoder_layers : d->n_encoder_layers;
        for (int i = 0; i < n_layers * AM_N_LAYER_ROLES; i++) {
            const am_layer_role role = (am_layer_role)(i % AM_N_LAYER_ROLES);
            const am_tensor *tensor = am__model_layer(want, decoder != 0, i / AM_N_LAYER_ROLES,
                                                      role);
            if (tensor->data == NULL) continue;
            compare_tensors(tensor,
                            am__model_layer(got, decoder != 0, i / AM_N_LAYER_ROLES, role),
                            tensor->n_rows > 1 ? 0.01 : 0);
        }
    }
}

static void holds_what_the_source_holds(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        char model[4096], amn[4096];
        am_error error;
        am_model *want = NULL, *got = NULL;
        write_both(&sources[i], AM_COMPUTE_INT8, model, amn);
        must(am__model_open(model, &want, &error), &error);
        must(am__model_open(amn, &got, &error), &error);
        assert_false(am__model_in_place(want));
        assert_true(am__model_in_place(got));
        compare_models(want, got);
        am__model_close(&want);
        am__model_close(&got);
        scratch_clean();
    }
}

static void what_cannot_be_is_refused(void **state) {
    (void)state;
    char model[4096], amn[4096], path[4096];
    am_error error;
    am_engine *engine = NULL;
    am_engine_options options;
    write_both(&sources[0], AM_COMPUTE_INT8, model, amn);
    am_engine_options_init(&options);
    options.compute_type = AM_COMPUTE_F32;
    assert_int_equal(am_engine_open(amn, &options, &engine, &error), AM_E_UNSUPPORTED);
    assert_non_null(strstr(error.detail, "f32"));
    assert_null(engine);
    options.compute_type = AM_COMPUTE_INT4; /* from eight bits: there is a better source */
    assert_int_equal(am_engine_open(amn, &options, &engine, &error), AM_E_UNSUPPORTED);
    assert_non_null(strstr(error.detail, "int4"));
    assert_null(engine);
    scratch_path("again.amn", path, sizeof path);
    assert_int_equal(am_model_quantize(amn, NULL, AM_COMPUTE_INT8, path, &error), AM_E_ARG);
    assert_int_equal(am_model_quantize(model, NULL, AM_COMPUTE_INT8, model, &error), AM_E_ARG);
    assert_int_equal(am_model_quantize(model, NULL, AM_COMPUTE_INT8, "", &error), AM_E_ARG);
    assert_int_equal(am_model_quantize(model, NULL, AM_COMPUTE_F32, path, &error), AM_E_ARG);
    scratch_path("no/such/folder.amn", path, sizeof path);
    assert_int_equal(am_model_quantize(model, NULL, AM_COMPUTE_INT8, path, &error), AM_E_NOT_FOUND);
    scratch_path("none.bin", path, sizeof path);
    assert_int_equal(am_model_quantize(path, NULL, AM_COMPUTE_INT8, amn, &error), AM_E_NOT_FOUND);
    assert_int_equal(am_model_verify(path, &error), AM_E_NOT_FOUND);
    assert_int_equal(am_model_verify(model, &error), AM_E_MODEL);
    /* What failed has left the old file alone. */
    assert_int_equal(am_model_verify(amn, &error), AM_OK);
    scratch_clean();
}

static size_t read_whole(const char *path, unsigned char **bytes) {
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    const size_t n = (size_t)info.st_size;
    FILE *file = fopen(path, "rb");
    *bytes = malloc(n);
    assert_non_null(file);
    assert_non_null(*bytes);
    assert_int_equal(fread(*bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
    return n;
}

static void write_whole(const char *path, const unsigned char *bytes, size_t n) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

static void another_version_is_refused(void **state) {
    (void)state;
    char model[4096], amn[4096];
    unsigned char *bytes;
    am_error error;
    am_model *opened = NULL;
    write_both(&sources[0], AM_COMPUTE_INT8, model, amn);
    const size_t n = read_whole(amn, &bytes);
    bytes[AM_AMN_AT_VERSION]++;
    mend_amn(bytes, n);
    write_whole(amn, bytes, n);
    assert_int_equal(am__model_open(amn, &opened, &error), AM_E_UNSUPPORTED);
    char version[32];
    snprintf(version, sizeof version, "version %d", AM_AMN_VERSION + 1);
    assert_non_null(strstr(error.detail, version));
    free(bytes);
    scratch_clean();
}

static bool is_panels(const unsigned char *entry) {
    return entry[AM_AMN_AT_KIND] == AM_AMN_PANELS || entry[AM_AMN_AT_KIND] == AM_AMN_S4_PANELS;
}

/* What checksums see too late: all weights that are used in place random, or f16 NaN. */
static void check_damaged_weights(am_compute_type type) {
    char model[4096], amn[4096];
    unsigned char *bytes;
    am_rng rng;
    am__rng_seed(&rng, 3);
    write_both(&sources[0], type, model, amn);
    const size_t n = read_whole(amn, &bytes);
    for (int round = 0; round < 3; round++) {
        uint32_t n_entries;
        memcpy(&n_entries, bytes + AM_AMN_AT_N_ENTRIES, sizeof n_entries);
        for (uint32_t i = 0; i < n_entries; i++) {
            const unsigned char *entry = bytes + n - (n_entries - i) * AM_AMN_ENTRY_BYTES;
            uint64_t offset, size;
            memcpy(&offset, entry + AM_AMN_AT_OFFSET, sizeof offset);
            memcpy(&size, entry + AM_AMN_AT_N_BYTES, sizeof size);
            if (entry[AM_AMN_AT_KIND] == AM_AMN_F16 && round == 1) {
                memset(bytes + offset, 0x7f, size);
            } else if (is_panels(entry) && round == 2) {
                memset(bytes + offset, 0x80, size);
            } else if (entry[AM_AMN_AT_KIND] == AM_AMN_F16 || is_panels(entry)) {
                for (uint64_t at = 0; at < size; at++) {
                    bytes[offset + at] = (unsigned char)am__rng_below(&rng, 256);
                }
            }
        }
        write_whole(amn, bytes, n);
        assert_int_equal(am_model_verify(amn, NULL), AM_E_MODEL);
        static const uint32_t masks[] = {AM_CPU_ALL, AM_CPU_AVX2 | AM_CPU_NEON};
        for (size_t level = 0; level < 2; level++) {
            am_cpu_set_mask(masks[level]);
            am_engine *engine = open_engine(amn, AM_COMPUTE_INT8);
            am_result *result = transcribe(engine, noise, N_SAMPLES);
            am_result_free(&result);
            am_engine_close(&engine);
        }
        am_cpu_set_mask(AM_CPU_ALL);
    }
    free(bytes);
    scratch_clean();
}

static void damaged_weights_do_no_harm(void **state) {
    (void)state;
    check_damaged_weights(AM_COMPUTE_INT8);
    check_damaged_weights(AM_COMPUTE_INT4);
}

int main(void) {
    am_rng rng;
    am__rng_seed(&rng, 5);
    for (size_t i = 0; i < N_SAMPLES; i++) noise[i] = (float)(0.1 * am__rng_normal(&rng));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_as_the_source),
        cmocka_unit_test(same_as_the_source_in_four_bits),
        cmocka_unit_test(same_as_the_source_on_speech),
        cmocka_unit_test(holds_what_the_source_holds),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(another_version_is_refused),
        cmocka_unit_test(damaged_weights_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, scratch_teardown);
}
