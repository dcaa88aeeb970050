/*
 * Properties of decoder steps, on random weights: a row's logits do not depend on the rows beside
 * it or on the number of threads; attention in 8 bits does not depend on the instruction set; and
 * steps allocate nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "decoder/search.h"
#include "kernels/cpu.h"
#include "nn/attention_s8.h"
#include "scratch.h"
#include "support/failing_heap.h"
#include "weights.h"

enum { N_VOCAB = 51864, D_MODEL = 128, N_HEADS = 2, N_WINDOWS = 3, N_CTX = 150, N_ROWS = 30 };

static const am_dims dims = {.n_mels = 80, .n_vocab = N_VOCAB, .d_model = D_MODEL,
                             .n_encoder_layers = 1, .n_decoder_layers = 2, .n_audio_ctx = 1500,
                             .n_text_ctx = 448};

typedef struct fixture {
    am_decoder *decoder;
    am_exec exec;
    am_cross *cross[N_WINDOWS];
} fixture;

static void must(am_status status, const am_error *error) {
    if (status != AM_OK) fail_msg("%s: %s", am_status_name(status), error->detail);
}

static void fill(float *x, size_t n, uint64_t seed) {
    am_rng rng;
    am__rng_seed(&rng, seed);
    for (size_t i = 0; i < n; i++) x[i] = (float)am__rng_uniform(&rng) * 4 - 2;
}

static void set_up(fixture *f, am_compute_type type, int n_threads) {
    char path[4096];
    am_error error;
    am_model *model = NULL;
    const weights w = weights_random(&dims, 11);
    *f = (fixture){.exec = {.kernels = am__kernels()}};
    scratch_path("steps", path, sizeof path);
    weights_write_ggml(&w, AM_DTYPE_F16, path);
    must(am__model_open(path, &model, &error), &error);
    must(am__team_new(n_threads, &f->exec.team, &error), &error);
    must(am__decoder_new(model, type, f->exec.kernels, &f->decoder, &error), &error);
    am__model_close(&model);
    must(am__alloc(am__decoder_workspace(f->decoder, &f->exec), 1, &f->exec.workspace, &error),
         &error);
    static float states[N_CTX * D_MODEL];
    for (size_t i = 0; i < N_WINDOWS; i++) {
        fill(states, N_CTX * D_MODEL, i);
        must(am__cross_new(f->decoder, &f->cross[i], &error), &error);
        am__cross_run(f->decoder, &f->exec, states, N_CTX - i, f->cross[i]); /* odd lengths too */
    }
}

static void tear_down(fixture *f) {
    for (size_t i = 0; i < N_WINDOWS; i++) am__cross_free(&f->cross[i]);
    am__free(f->exec.workspace);
    am__team_free(&f->exec.team);
    am__decoder_free(&f->decoder);
}

/* ---- Rows ---------------------------------------------------------------------------------- */

/* Three steps of n_rows sequences, of which sequence i says tokens of its own to window i % 3 …;
 * the logits of all rows of the last step. `first` numbers the sequences. */
static void run_rows(const fixture *f, size_t first, size_t n_rows, float *logits) {
    enum { N_STEPS = 3 };
    am_error error;
    am_decoder_space *space = NULL;
    static int32_t cells[N_ROWS][N_STEPS];
    am_sequence sequences[N_ROWS];
    am_decoder_row rows[N_ROWS];
    size_t all[N_ROWS];
    must(am__decoder_space_new(f->decoder, N_ROWS * N_STEPS, N_ROWS, &space, &error), &error);
    for (size_t i = 0; i < n_rows; i++) {
        sequences[i] = (am_sequence){cells[i], 0};
        all[i] = i;
    }
    for (size_t step = 0; step < N_STEPS; step++) {
        for (size_t i = 0; i < n_rows; i++) {
            const size_t number = first + i;
            rows[i] = (am_decoder_row){(int32_t)(number * 97 + step * 13) % N_VOCAB, &sequences[i],
                                       f->cross[number / 10]};
        }
        must(am__decoder_run(f->decoder, &f->exec, space, rows, n_rows, NULL, &error), &error);
    }
    memcpy(logits, am__decoder_logits(f->decoder, &f->exec, space, all, n_rows),
           n_rows * N_VOCAB * sizeof *logits);
    am__decoder_space_free(&space);
}

static float together[N_ROWS * N_VOCAB], alone[N_VOCAB], other[N_ROWS * N_VOCAB];

static void rows_do_not_see_each_other(void **state) {
    (void)state;
    fixture f;
    set_up(&f, AM_COMPUTE_INT8, 2);
    run_rows(&f, 0, N_ROWS, together);
    for (size_t i = 0; i < N_ROWS; i += 7) {
        run_rows(&f, i, 1, alone);
        assert_memory_equal(alone, together + i * N_VOCAB, sizeof alone);
    }
    assert_memory_not_equal(together, together + N_VOCAB, sizeof alone);
    tear_down(&f);
}

static void threads_do_not_change_rows(void **state) {
    (void)state;
    for (int n_threads = 1; n_threads <= 3; n_threads += 2) {
        fixture f;
        set_up(&f, AM_COMPUTE_INT8, n_threads);
        run_rows(&f, 0, N_ROWS, n_threads == 1 ? together : other);
        tear_down(&f);
    }
    assert_memory_equal(together, other, sizeof together);
}

/* ---- Attention ----------------------------------------------------------------------------- */

/* Attention of five rows to a window of keys and values, with the kernels of some flags. */
static void attend(uint32_t flags, float *out, float *scores) {
    enum { ROWS = 5 };
    am_error error;
    am_cpu_set_mask(flags);
    am_exec exec = {.kernels = am__kernels()};
    static float kv[N_CTX * 2 * D_MODEL], queries[ROWS * D_MODEL];
    float *capture[ROWS * N_HEADS] = {[3] = scores};
    void *store = NULL;
    fill(kv, N_CTX * 2 * D_MODEL, 5);
    fill(queries, ROWS * D_MODEL, 6);
    must(am__team_new(2, &exec.team, &error), &error);
    must(am__alloc_raw(am__attention_s8_bytes(exec.kernels, N_CTX, N_HEADS), 1, &store, &error),
         &error);
    for (size_t head = 0; head < N_HEADS; head++) {
        const float *keys = kv + head * AM_HEAD_DIM;
        const size_t ld = 2 * N_HEADS * AM_HEAD_DIM;
        am__attention_s8_pack_keys(exec.kernels, keys, ld, N_CTX, head, store);
        am__attention_s8_pack_values(exec.kernels, keys + N_HEADS * AM_HEAD_DIM, ld, N_CTX, head,
                                     store);
    }
    const am_attention_group group = {store, N_CTX, queries, out, ROWS, capture};
    am__attention_s8_run(&exec, &group, 1, N_HEADS);
    am__free(store);
    am__team_free(&exec.team);
    am_cpu_set_mask(AM_CPU_ALL);
}

static void instruction_sets_do_not_change_attention(void **state) {
    (void)state;
    static const uint32_t levels[] = {AM_CPU_AVX2, AM_CPU_AVX2 | AM_CPU_AVXVNNI,
                                      AM_CPU_AVX2 | AM_CPU_AVX512,
                                      AM_CPU_AVX2 | AM_CPU_AVX512 | AM_CPU_AVX512VNNI,
                                      AM_CPU_NEON, AM_CPU_NEON | AM_CPU_NEONDOT};
    static float first[5 * D_MODEL], out[5 * D_MODEL], plain[5 * D_MODEL];
    static float first_scores[N_CTX], scores[N_CTX];
    size_t n_levels = 0;
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if ((levels[i] & ~am_cpu_flags()) != 0) continue;
        attend(levels[i], n_levels == 0 ? first : out, n_levels == 0 ? first_scores : scores);
        if (n_levels++ == 0) continue;
        assert_memory_equal(first, out, sizeof first);
        assert_memory_equal(first_scores, scores, sizeof scores);
    }
    /* The reference's exponential is rounded otherwise: weights differ by a 65536th. */
    attend(0, plain, scores);
    if (n_levels == 0) return;
    assert_memory_equal(first_scores, scores, sizeof scores);
    for (size_t i = 0; i < 5 * D_MODEL; i++) {
        assert_true(fabsf(plain[i] - first[i]) < 1e-3f);
    }
}

/* ---- Steps --------------------------------------------------------------------------------- */

/* Runs a search in every slot to its end; returns the number of steps. */
static size_t run_search(am_search *search, const fixture *f, const am_rules *rules,
                         double temperature, size_t n_beams) {
    static const int32_t prompt[] = {50257, 50362};
    const am_search_options options = {.temperature = temperature, .n_beams = n_beams,
                                       .n_samples = n_beams, .patience = 1, .length_penalty = -1,
                                       .n_new_max = 12, .seed = 3};
    am_error error;
    size_t n_steps = 0;
    for (size_t i = 0; i < N_WINDOWS; i++) {
        const am_search_input input = {prompt, 2, 0, f->cross[i], rules};
        am__search_begin(search, i, &input, &options);
    }
    for (bool done = false; !done; n_steps++) {
        must(am__search_step(search, &f->exec, &error), &error);
        done = true;
        for (size_t i = 0; i < N_WINDOWS; i++) done = done && am__search_done(search, i);
    }
    return n_steps;
}

static void steps_allocate_nothing(void **state) {
    (void)state;
    static const am_special_tokens specials = {.eot = 50256, .sot = 50257, .no_speech = 50361,
                                               .no_timestamps = 50362, .timestamp_begin = 50363};
    const am_rules rules = {.specials = &specials, .n_vocab = N_VOCAB, .timestamps = true,
                            .max_initial = 50};
    static const am_compute_type types[] = {AM_COMPUTE_F32, AM_COMPUTE_INT8};
    for (size_t t = 0; t < 2; t++) {
        failing_heap heap;
        fixture f;
        am_search *search = NULL;
        am_error error;
        failing_heap_start(&heap, 1 << 30);
        set_up(&f, types[t], 2);
        must(am__search_new(f.decoder, N_WINDOWS, 3, &search, &error), &error);
        const int n_left = heap.n_left;
        size_t n_steps = run_search(search, &f, &rules, 0, 1);
        n_steps += run_search(search, &f, &rules, 0, 3);
        n_steps += run_search(search, &f, &rules, 0.7, 3);
        assert_true(n_steps > 20);
        assert_int_equal(heap.n_left, n_left);
        am__search_free(&search);
        tear_down(&f);
        assert_int_equal(heap.n_live, 0);
        failing_heap_stop();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_do_not_see_each_other),
        cmocka_unit_test(threads_do_not_change_rows),
        cmocka_unit_test(instruction_sets_do_not_change_attention),
        cmocka_unit_test(steps_allocate_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
