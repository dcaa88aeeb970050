/* Unit tests of src/model: the readers on real weights and on damaged files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/model.h"
#include "support/shared.h"

static void assert_token(const am_model *model, size_t id, const char *text) {
    size_t n_tokens;
    const am_token_text *tokens = am__model_vocabulary(model, &n_tokens);
    assert_true(id < n_tokens);
    assert_int_equal(tokens[id].n_bytes, strlen(text));
    assert_memory_equal(tokens[id].bytes, text, strlen(text));
}

static void ctranslate2_tiny_en(void **state) {
    (void)state;
    am_model *model = NULL;
    am_error error = {0};
    const char *path = shared_path("models/whisper-tiny.en");
    if (path == NULL) skip();
    const am_status status = am__model_open(path, &model, &error);
    if (status != AM_OK) fail_msg("%s", error.detail);
    const am_dims *d = am__model_dims(model);
    assert_int_equal(d->n_mels, 80);
    assert_int_equal(d->n_vocab, 51864);
    assert_int_equal(d->d_model, 384);
    assert_int_equal(d->n_heads, 6);
    assert_int_equal(d->n_encoder_layers, 4);
    assert_int_equal(d->n_decoder_layers, 4);
    assert_int_equal(d->n_audio_ctx, 1500);
    assert_int_equal(d->n_text_ctx, 448);
    assert_false(am__model_multilingual(model));
    assert_token(model, 198, "\n");
    assert_token(model, 220, " ");
    assert_token(model, 262, " the");
    assert_token(model, 50256, "<|endoftext|>");
    assert_token(model, 50258, "<|en|>");
    assert_token(model, 50362, "<|notimestamps|>");
    assert_token(model, 50363, "<|0.00|>");
    assert_token(model, 50364, "<|0.02|>");
    assert_token(model, 51863, "<|30.00|>");
    size_t n_heads;
    const am_head_id *heads = am__model_alignment_heads(model, &n_heads);
    assert_int_equal(n_heads, 8);
    assert_int_equal(heads[2].layer, 2);
    assert_int_equal(heads[2].head, 5);
    /* The first positions of the sinusoids that Whisper's encoder adds: sin 0 … then cos 0 …. */
    static float row[384];
    am__tensor_rows_f32(am__model_global(model, AM_T_ENC_POS), 0, 1, row);
    for (size_t i = 0; i < 192; i++) {
        assert_true(row[i] == 0.0f);
        assert_true(row[192 + i] == 1.0f);
    }
    const am_tensor *key = am__model_layer(model, true, 3, AM_L_CROSS_K_W);
    const am_tensor *value = am__model_layer(model, true, 3, AM_L_CROSS_V_W);
    assert_int_equal(key->n_rows, 384);
    assert_ptr_equal(value->data, (const char *)key->data + (size_t)384 * 384 * 2);
    am__model_close(&model);
    assert_null(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ctranslate2_tiny_en),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
