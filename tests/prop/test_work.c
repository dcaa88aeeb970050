/* The counters behind `amanuensis bench`: operations of the encoder, steps and rows of the decoder,
 * and the limits of the machine they are held against. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "amanuensis.h"
#include "encoder/encoder.h"
#include "scratch.h"
#include "weights.h"

#define N_SAMPLES (45 * AM_SAMPLE_RATE)

static const am_dims dims = {.n_mels = 80, .n_vocab = 51864, .d_model = 64, .n_heads = 1,
                             .d_ff = 256, .n_encoder_layers = 2, .n_decoder_layers = 2,
                             .n_audio_ctx = 1500, .n_text_ctx = 448};

static void must(am_status status, const am_error *error) {
    if (status != AM_OK) fail_msg("%s: %s", am_status_name(status), error->detail);
}

static const am_stage_time *stage_called(const am_stage_time *stages, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++) {
        if (strcmp(stages[i].name, name) == 0) return &stages[i];
    }
    fail_msg("no stage \"%s\"", name);
    return NULL;
}

/* A window of tiny takes 36.9 GOP, one of base 87.4 (two per multiply-add). */
static void encoder_operations_are_known(void **state) {
    (void)state;
    const am_dims tiny = {.n_mels = 80, .d_model = 384, .d_ff = 1536, .n_encoder_layers = 4};
    const am_dims base = {.n_mels = 80, .d_model = 512, .d_ff = 2048, .n_encoder_layers = 6};
    assert_true(am__encoder_operations(&tiny, 1500) > 36.9e9);
    assert_true(am__encoder_operations(&tiny, 1500) < 37.0e9);
    assert_true(am__encoder_operations(&base, 1500) > 87.3e9);
    assert_true(am__encoder_operations(&base, 1500) < 87.5e9);
}

static void transcription_counts_its_work(void **state) {
    (void)state;
    static float noise[N_SAMPLES];
    char path[4096];
    am_error error;
    am_engine *engine = NULL;
    am_session *session = NULL;
    am_audio *audio = NULL;
    am_result *result = NULL;
    am_params params;
    am_stage_time stages[32];
    for (size_t i = 0; i < N_SAMPLES; i++) noise[i] = (float)(i * 7919 % 1000) / 2000 - 0.25f;
    scratch_path("work", path, sizeof path);
    const weights w = weights_random(&dims, 7);
    weights_write_ggml(&w, AM_DTYPE_F16, path);
    am_params_init(&params);
    params.mode = AM_MODE_SEQUENTIAL;
    params.beam_size = 3;
    params.n_temperatures = 1;
    params.max_new_tokens = 8;
    must(am_engine_open(path, NULL, &engine, &error), &error);
    must(am_session_new(engine, &session, &error), &error);
    must(am_audio_open_pcm(noise, N_SAMPLES, &audio, &error), &error);
    must(am_transcribe(session, audio, &params, NULL, &result, &error), &error);
    const size_t n = am_session_stages(session, stages, 32);
    const am_stage_time *encoder = stage_called(stages, n, "encoder");
    const am_stage_time *decoder = stage_called(stages, n, "decoder");
    assert_true(encoder->n_operations > 0);
    assert_true(encoder->n_operations <=
                (double)encoder->n_calls * am__encoder_operations(&dims, 1500));
    assert_true(decoder->n_steps > 0);
    assert_true(decoder->n_rows > decoder->n_steps); /* prompts and beams */
    /* Each step reads the 8-bit vocabulary projection at least. */
    assert_true(decoder->n_bytes >= (double)decoder->n_steps * dims.n_vocab * dims.d_model);
    am_result_free(&result);
    am_audio_close(&audio);
    am_session_free(&session);
    am_engine_close(&engine);
}

static void roofline_is_measured(void **state) {
    (void)state;
    am_roofline roofline;
    am_error error;
    assert_int_equal(am_roofline_measure(-1, &roofline, &error), AM_E_ARG);
    must(am_roofline_measure(2, &roofline, &error), &error);
    const am_peaks *const peaks[] = {&roofline.one, &roofline.all};
    assert_int_equal(roofline.n_threads, 2);
    for (size_t i = 0; i < 2; i++) { /* between a slow emulator and what no CPU does */
        assert_true(peaks[i]->s8_gops > 0.01 && peaks[i]->s8_gops < 1e6);
        assert_true(peaks[i]->f32_gflops > 0.01 && peaks[i]->f32_gflops < 1e5);
        assert_true(peaks[i]->read_gb_s > 0.01 && peaks[i]->read_gb_s < 1e4);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encoder_operations_are_known),
        cmocka_unit_test(transcription_counts_its_work),
        cmocka_unit_test(roofline_is_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
