/*
 * The readers against the writers of tests/models: every format and element type gives back the
 * weights it was made from, for geometries from tiny to a thin large-v3, and the formats agree
 * bit for bit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "encode.h"
#include "scratch.h"
#include "support/shared.h"
#include "weights.h"

static const am_dims tiny_dims = {
    .n_mels = 80, .n_vocab = 300, .d_model = 64, .n_encoder_layers = 2, .n_decoder_layers = 1,
    .n_audio_ctx = 6, .n_text_ctx = 5,
};

static am_model *open_model(const char *path) {
    am_model *model = NULL;
    am_error error = {0};
    if (am__model_open(path, &model, &error) != AM_OK) fail_msg("%s", error.detail);
    return model;
}

/* Opens a model of the shared data, or skips the test. */
static am_model *open_shared(const char *name) {
    const char *path = shared_path(name);
    if (path == NULL) skip();
    return open_model(path);
}

static const am_tensor *tensor_of(const am_model *model, tensor_id id) {
    return id.stack < 0 ? am__model_global(model, (am_global_role)id.role)
                        : am__model_layer(model, id.stack == 1, id.layer, (am_layer_role)id.role);
}

/* Calls check for every tensor of a model of these dimensions; at least one. */
static size_t for_each_tensor(const am_dims *d, void (*check)(void *context, tensor_id id),
                              void *context) {
    size_t n = 0;
    for (int role = 0; role < AM_N_GLOBAL_ROLES; role++, n++) {
        check(context, (tensor_id){-1, 0, role});
    }
    for (int stack = 0; stack < 2; stack++) {
        const int n_layers = stack == 1 ? d->n_decoder_layers : d->n_encoder_layers;
        for (int layer = 0; layer < n_layers; layer++) {
            for (int role = 0; role < AM_N_LAYER_ROLES; role++) {
                if (stack == 0 && role >= AM_L_CROSS_LN_W && role <= AM_L_CROSS_O_B) continue;
                check(context, (tensor_id){stack, layer, role});
                n++;
            }
        }
    }
    return n;
}

typedef struct comparison {
    const am_model *model;
    const weights *truth;
    double max_relative_rms; /* allowed */
} comparison;

static void compare_tensor(void *context, tensor_id id) {
    const comparison *c = context;
    const am_tensor *tensor = tensor_of(c->model, id);
    const size_t n = tensor->n_rows * tensor->n_cols;
    float *want = calloc(n, sizeof *want), *got = calloc(n, sizeof *got);
    double error = 0.0, power = 0.0;
    c->truth->fill(c->truth, id, n, want);
    /* In pieces, so that a row offset that is wrong shows. */
    for (size_t row = 0; row < tensor->n_rows; row++) {
        am__tensor_rows_f32(tensor, row, 1, got + row * tensor->n_cols);
    }
    for (size_t i = 0; i < n; i++) {
        error += ((double)got[i] - (double)want[i]) * ((double)got[i] - (double)want[i]);
        power += (double)want[i] * (double)want[i];
    }
    if (!(sqrt(error) <= c->max_relative_rms * sqrt(power))) {
        fail_msg("%s: relative RMS error %g, allowed %g", tensor->name, sqrt(error / power),
                 c->max_relative_rms);
    }
    free(want);
    free(got);
}

static void assert_holds(const char *path, const weights *truth, double max_relative_rms) {
    am_model *model = open_model(path);
    const am_dims *d = am__model_dims(model);
    assert_memory_equal(d, &truth->dims, sizeof *d);
    comparison c = {model, truth, max_relative_rms};
    for_each_tensor(d, compare_tensor, &c);
    am__model_close(&model);
}

static void ggml_every_type(void **state) {
    (void)state;
    static const struct {
        am_dtype dtype;
        double max_relative_rms;
    } rows[] = {
        {AM_DTYPE_F32, 0.0},   {AM_DTYPE_F16, 0.0},  {AM_DTYPE_BF16, 0.003},
        {AM_DTYPE_Q8_0, 0.01}, {AM_DTYPE_Q5_0, 0.05}, {AM_DTYPE_Q5_1, 0.05},
        {AM_DTYPE_Q4_0, 0.1},  {AM_DTYPE_Q4_1, 0.1},
    };
    const weights w = weights_random(&tiny_dims, 1);
    char path[4096];
    scratch_path("model.ggml", path, sizeof path);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        weights_write_ggml(&w, rows[i].dtype, path);
        assert_holds(path, &w, rows[i].max_relative_rms);
    }
}

static void ctranslate2_every_type(void **state) {
    (void)state;
    static const struct {
        am_dtype dtype;
        double max_relative_rms;
    } rows[] = {
        {AM_DTYPE_F32, 0.0}, {AM_DTYPE_F16, 0.0}, {AM_DTYPE_BF16, 0.003}, {AM_DTYPE_I8_ROWS, 0.01},
    };
    const weights w = weights_random(&tiny_dims, 2);
    char path[4096];
    scratch_path("ct2", path, sizeof path);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        weights_write_ct2(&w, rows[i].dtype, path);
        assert_holds(path, &w, rows[i].max_relative_rms);
    }
    am_model *model = open_model(path);
    size_t n;
    const am_head_id *heads = am__model_alignment_heads(model, &n);
    assert_int_equal(n, 1);
    assert_int_equal(heads[0].layer, 0);
    assert_int_equal(heads[0].head, 0);
    am__model_close(&model);
}

static void safetensors_every_type(void **state) {
    (void)state;
    static const struct {
        am_dtype dtype;
        int n_shards;
        double max_relative_rms;
    } rows[] = {
        {AM_DTYPE_F32, 3, 0.0}, {AM_DTYPE_F32, 1, 0.0}, {AM_DTYPE_F16, 1, 0.0},
        {AM_DTYPE_BF16, 1, 0.003},
    };
    const weights w = weights_random(&tiny_dims, 3);
    char path[4096];
    scratch_path("hf", path, sizeof path);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        weights_write_safetensors(&w, rows[i].dtype, rows[i].n_shards, path);
        assert_holds(path, &w, rows[i].max_relative_rms);
    }
}

typedef struct pair {
    const am_model *a, *b;
} pair;

static void assert_same_bits(void *context, tensor_id id) {
    const pair *p = context;
    const am_tensor *a = tensor_of(p->a, id), *b = tensor_of(p->b, id);
    const size_t n = a->n_rows * a->n_cols;
    assert_int_equal(n, b->n_rows * b->n_cols);
    float *left = calloc(n, sizeof *left), *right = calloc(n, sizeof *right);
    am__tensor_rows_f32(a, 0, a->n_rows, left);
    am__tensor_rows_f32(b, 0, b->n_rows, right);
    if (memcmp(left, right, n * sizeof *left) != 0) fail_msg("%s differs", a->name);
    free(left);
    free(right);
}

static void assert_same_vocabulary(const am_model *a, const am_model *b) {
    size_t n_a, n_b;
    const am_token_text *left = am__model_vocabulary(a, &n_a);
    const am_token_text *right = am__model_vocabulary(b, &n_b);
    assert_int_equal(n_a, n_b);
    for (size_t i = 0; i < n_a; i++) {
        assert_non_null(left[i].bytes);
        assert_int_equal(left[i].n_bytes, right[i].n_bytes);
        assert_memory_equal(left[i].bytes, right[i].bytes, left[i].n_bytes);
    }
}

/* Writes f16 files of all formats and asserts that they read back bit-equal. */
static void assert_formats_agree(const weights *w) {
    static const char *const names[] = {"all.ggml", "all.hf", "all.ct2"};
    char paths[3][4096];
    for (size_t i = 0; i < 3; i++) scratch_path(names[i], paths[i], sizeof paths[i]);
    weights_write_ggml(w, AM_DTYPE_F16, paths[0]);
    weights_write_safetensors(w, AM_DTYPE_F16, 1, paths[1]);
    weights_write_ct2(w, AM_DTYPE_F16, paths[2]);
    am_model *first = open_model(paths[0]);
    assert_memory_equal(am__model_dims(first), &w->dims, sizeof w->dims);
    for (size_t i = 1; i < 3; i++) {
        am_model *other = open_model(paths[i]);
        assert_memory_equal(am__model_dims(other), &w->dims, sizeof w->dims);
        pair p = {first, other};
        assert_true(for_each_tensor(&w->dims, assert_same_bits, &p) > 50);
        assert_same_vocabulary(first, other);
        am__model_close(&other);
    }
    am__model_close(&first);
    scratch_clean();
}

/* Real depths and vocabularies, thin widths. */
static void published_geometries_agree(void **state) {
    (void)state;
    static const am_dims sizes[] = {
        {.n_mels = 80, .n_vocab = 51864, .d_model = 64, .n_encoder_layers = 4,
         .n_decoder_layers = 4, .n_audio_ctx = 1500, .n_text_ctx = 448},
        {.n_mels = 128, .n_vocab = 51866, .d_model = 64, .n_encoder_layers = 32,
         .n_decoder_layers = 32, .n_audio_ctx = 1500, .n_text_ctx = 448},
        {.n_mels = 128, .n_vocab = 51866, .d_model = 128, .n_encoder_layers = 32,
         .n_decoder_layers = 2, .n_audio_ctx = 1500, .n_text_ctx = 448},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const weights w = weights_random(&sizes[i], i);
        assert_formats_agree(&w);
    }
}

static void real_weights_agree(void **state) {
    (void)state;
    am_model *model = open_shared("models/whisper-tiny.en");
    const weights w = weights_of_model(model);
    assert_formats_agree(&w);
    am__model_close(&model);
}

/* whisper.cpp's own q5_0 of the same model: the quantised matrices are near, the rest is equal. */
static void real_q5_0_is_near(void **state) {
    (void)state;
    am_model *truth = open_shared("models/whisper-tiny.en");
    am_model *model = open_shared("models/ggml-tiny.en-q5_0.bin");
    const weights w = weights_of_model(truth);
    comparison c = {model, &w, 0.1};
    for_each_tensor(am__model_dims(model), compare_tensor, &c);
    assert_int_equal(am__model_global(model, AM_T_TOKEN_EMB)->dtype, AM_DTYPE_Q5_0);
    assert_same_vocabulary(truth, model);
    c.max_relative_rms = 0.0;
    compare_tensor(&c, (tensor_id){-1, 0, AM_T_CONV1_W});
    compare_tensor(&c, (tensor_id){1, 3, AM_L_CROSS_V_B});
    am__model_close(&model);
    am__model_close(&truth);
}

static void half_conversion_is_exact(void **state) {
    (void)state;
    for (uint32_t bits = 0; bits < 65536; bits++) {
        const uint16_t half = (uint16_t)bits;
        const am_tensor tensor = {.dtype = AM_DTYPE_F16, .n_rows = 1, .n_cols = 1, .data = &half};
        float got;
        am__tensor_rows_f32(&tensor, 0, 1, &got);
        if ((half & 0x7c00) == 0x7c00) {
            assert_true((half & 0x3ff) != 0 ? isnan(got) : isinf(got));
            assert_int_equal(signbit(got) != 0, half >> 15);
            continue;
        }
        assert_true(got == float_of_half(half));
        assert_int_equal(half_of_float(got), half);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(half_conversion_is_exact),
        cmocka_unit_test(ggml_every_type),
        cmocka_unit_test(ctranslate2_every_type),
        cmocka_unit_test(safetensors_every_type),
        cmocka_unit_test(published_geometries_agree),
        cmocka_unit_test(real_weights_agree),
        cmocka_unit_test(real_q5_0_is_near),
    };
    return cmocka_run_group_tests(tests, NULL, scratch_teardown);
}
