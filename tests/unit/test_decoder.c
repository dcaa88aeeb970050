/* Unit tests of the decoder's bookkeeping: cache cells, logit rules, the search of a window. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <string.h>

#include <cmocka.h>

#include "decoder/job.h"
#include "decoder/kvcache.h"
#include "decoder/rules.h"

enum { N_VOCAB = 60, EOT = 30, SOT = 31, NO_TIMESTAMPS = 39, BEGIN = 40 };

static const am_special_tokens specials = {
    .eot = EOT, .sot = SOT, .no_timestamps = NO_TIMESTAMPS, .timestamp_begin = BEGIN};

static const int32_t suppressed[] = {3, 5, SOT};
static const int32_t blank[] = {1, EOT};

static am_rules rules_of(bool timestamps) {
    return (am_rules){.specials = &specials,
                      .n_vocab = N_VOCAB,
                      .suppress = suppressed,
                      .n_suppress = 3,
                      .blank = blank,
                      .n_blank = 2,
                      .timestamps = timestamps,
                      .max_initial = 5};
}

/* Applies the rules to flat logits and returns which tokens are left, as a string of marks. */
static void allowed_after(const am_rules *rules, const int32_t *sampled, size_t n, float text,
                          float timestamp, char *marks) {
    float logits[N_VOCAB];
    for (int i = 0; i < N_VOCAB; i++) logits[i] = i < BEGIN ? text : timestamp;
    am__rules_apply(rules, am__kernels(), sampled, n, logits);
    for (int i = 0; i < N_VOCAB; i++) marks[i] = logits[i] == -INFINITY ? '.' : 'x';
    marks[N_VOCAB] = '\0';
}

static void first_token_is_an_early_timestamp(void **state) {
    (void)state;
    char marks[N_VOCAB + 1];
    const am_rules rules = rules_of(true);
    allowed_after(&rules, NULL, 0, 0.0f, 0.0f, marks);
    assert_string_equal(marks, "........................................xxxxxx..............");
}

static void without_timestamps_only_blanks_and_symbols_are_forbidden(void **state) {
    (void)state;
    char marks[N_VOCAB + 1];
    const am_rules rules = rules_of(false);
    allowed_after(&rules, NULL, 0, 0.0f, 0.0f, marks);
    assert_string_equal(marks, "x.x.x.xxxxxxxxxxxxxxxxxxxxxxxx..xxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    const int32_t one[] = {7};
    allowed_after(&rules, one, 1, 0.0f, 0.0f, marks);
    assert_string_equal(marks, "xxx.x.xxxxxxxxxxxxxxxxxxxxxxxxx.xxxxxxxxxxxxxxxxxxxxxxxxxxxx");
}

static void timestamps_come_in_pairs_and_rise(void **state) {
    (void)state;
    char marks[N_VOCAB + 1];
    const am_rules rules = rules_of(true);
    const int32_t opened[] = {BEGIN};
    allowed_after(&rules, opened, 1, 9.0f, 0.0f, marks); /* text must follow */
    assert_string_equal(marks, "xxx.x.xxxxxxxxxxxxxxxxxxxxxxxxx.xxxxxxx.....................");
    const int32_t spoken[] = {BEGIN, 7};
    allowed_after(&rules, spoken, 2, 9.0f, 0.0f, marks); /* a later end, or more text */
    assert_string_equal(marks, "xxx.x.xxxxxxxxxxxxxxxxxxxxxxxxx.xxxxxxx..xxxxxxxxxxxxxxxxxxx");
    const int32_t closed[] = {BEGIN, 7, BEGIN + 4};
    allowed_after(&rules, closed, 3, 9.0f, 0.0f, marks); /* the pair's other half, or the end */
    assert_string_equal(marks, "..............................x.xxxxxxx.....xxxxxxxxxxxxxxxx");
    const int32_t reopened[] = {BEGIN, 7, BEGIN + 4, BEGIN + 4};
    allowed_after(&rules, reopened, 4, 9.0f, 0.0f, marks);
    assert_string_equal(marks, "xxx.x.xxxxxxxxxxxxxxxxxxxxxxxxx.xxxxxxx.....................");
}

static void probable_timestamps_win_over_text(void **state) {
    (void)state;
    char marks[N_VOCAB + 1];
    const am_rules rules = rules_of(true);
    const int32_t spoken[] = {BEGIN, 7};
    /* 19 timestamps of logit 0 weigh log(19) = 2.94 together. */
    allowed_after(&rules, spoken, 2, 2.9f, 0.0f, marks);
    assert_string_equal(marks, ".........................................xxxxxxxxxxxxxxxxxxx");
    allowed_after(&rules, spoken, 2, 3.0f, 0.0f, marks);
    assert_int_equal(marks[7], 'x');
}

static void cells_are_shared_and_come_back(void **state) {
    (void)state;
    am_kvcache cache;
    am_error error;
    int32_t cells[3][8];
    am_sequence a = {cells[0], 0};
    am_sequence b = {cells[1], 0};
    am_sequence c = {cells[2], 0};
    assert_int_equal(am__kvcache_init(&cache, 2, 6, 64, false, &error), AM_OK);
    for (int i = 0; i < 3; i++) assert_int_equal(am__kvcache_append(&cache, &a, &error), AM_OK);
    am__kvcache_fork(&cache, &b, &a);
    assert_int_equal(cache.n_free, 3); /* a fork takes no cell */
    assert_int_equal(am__kvcache_append(&cache, &a, &error), AM_OK);
    assert_int_equal(am__kvcache_append(&cache, &b, &error), AM_OK);
    assert_int_not_equal(a.cells[3], b.cells[3]);
    assert_memory_equal(a.cells, b.cells, 3 * sizeof(int32_t));
    am__kvcache_fork(&cache, &c, &b);
    am__kvcache_truncate(&cache, &a, 0);
    assert_int_equal(cache.n_free, 2); /* only its own last cell: b and c hold the others */
    am__kvcache_truncate(&cache, &b, 0);
    assert_int_equal(cache.n_free, 2);
    am__kvcache_truncate(&cache, &c, 2);
    assert_int_equal(cache.n_free, 4);
    for (int i = 0; i < 4; i++) assert_int_equal(am__kvcache_append(&cache, &c, &error), AM_OK);
    assert_int_equal(am__kvcache_append(&cache, &c, &error), AM_E_INTERNAL);
    am__kvcache_truncate(&cache, &c, 0);
    assert_int_equal(cache.n_free, 6);
    am__kvcache_free(&cache);
}

/* ---- The search of a window, over logits that follow from the tokens before ---------------- */

enum { N_CTX = 32, N_NEW_MAX = 12 };

static size_t phrase; /* tokens that are said again and again from the fifth on; 0 = none */

static void logits_after(const int32_t *sampled, size_t n, float *logits) {
    am_rng rng;
    uint64_t seed = n;
    for (size_t i = 0; i < n; i++) seed = seed * 131 + (uint64_t)sampled[i];
    am__rng_seed(&rng, seed);
    for (int i = 0; i < N_VOCAB; i++) logits[i] = (float)(2 * am__rng_normal(&rng));
    logits[EOT] += 0.4f * (float)n; /* so that some end and some do not */
    if (phrase > 0) {
        logits[n < 4 ? 29 - n : 6 + n % phrase] += 100;
        logits[EOT] -= 1000;
    }
}

static float logprob_after(const am_rules *rules, const int32_t *sampled, size_t n,
                           int32_t token) {
    float logits[N_VOCAB];
    logits_after(sampled, n, logits);
    am__rules_apply(rules, am__kernels(), sampled, n, logits);
    return logits[token] - am__kernels()->logsumexp_f32(logits, N_VOCAB);
}

static am_search_result search(am_job *job, am_kvcache *cache, const am_rules *rules,
                               const am_search_options *options) {
    static const int32_t prompt[] = {SOT};
    const am_search_input input = {.prompt = prompt, .n_prompt = 1, .rules = rules};
    am__job_begin(job, cache, &input, options);
    while (job->phase == AM_JOB_PROMPT || job->phase == AM_JOB_RUNNING) {
        am_ranking rankings[AM_BEAMS_MAX];
        float logits[N_VOCAB];
        float scratch[N_VOCAB];
        const size_t n = am__job_ask(job, rankings);
        for (size_t i = 0; i < n; i++) {
            logits_after(rankings[i].sampled, rankings[i].n_sampled, logits);
            am__rank(&rankings[i], am__kernels(), logits, scratch);
        }
        am__job_advance(job, cache, rankings);
    }
    assert_int_equal(job->phase, AM_JOB_DONE);
    return am__job_result(job);
}

/* Each token's is what the rules and the tokens before it make it; one by one they are the sum that
 * avg_logprob comes from: to the bit, but for beams, which are ranked by another order of sums. */
static void logprobs_are_those_of_the_tokens(void **state) {
    (void)state;
    static const am_search_options ways[] = {
        {.n_beams = 1, .length_penalty = -1},
        {.n_beams = 5, .patience = 1, .length_penalty = -1},
        {.n_beams = 4, .patience = 2, .length_penalty = 1},
        {.temperature = 0.7, .n_samples = 3, .length_penalty = -1},
    };
    const am_rules rules = rules_of(true);
    const am_dims dims = {.n_text_ctx = N_CTX, .n_vocab = N_VOCAB};
    am_error error;
    am_job job;
    am_kvcache cache;
    size_t n_ended = 0, n_cut = 0;
    assert_int_equal(am__job_init(&job, &dims, 5, &error), AM_OK);
    assert_int_equal(am__kvcache_init(&cache, 1, 64, 64, false, &error), AM_OK);
    for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
        for (uint64_t seed = 0; seed < 40; seed++) {
            am_search_options options = ways[w];
            options.seed = seed;
            options.n_new_max = 1 + seed % N_NEW_MAX;
            const am_search_result found = search(&job, &cache, &rules, &options);
            float sum = 0;
            for (size_t i = 0; i < found.n_tokens; i++) {
                const float own = logprob_after(&rules, found.tokens, i, found.tokens[i]);
                assert_true(own <= 0 && found.logprobs[i] == own);
                sum += own;
            }
            const bool ended = found.n_tokens < options.n_new_max;
            if (ended) sum += logprob_after(&rules, found.tokens, found.n_tokens, EOT);
            assert_true(fabsf(found.sum_logprob - sum) <= (options.n_beams > 1 ? 1e-4f : 0));
            n_ended += ended;
            n_cut += !ended;
        }
    }
    assert_true(n_ended > 0 && n_cut > 0); /* or one of both was not looked at */
    am__job_release(&job, &cache);
    am__job_free(&job);
    am__kvcache_free(&cache);
}

/* A phrase of up to 16 tokens, once 32 tokens repeat what came before them, ends a sequence where
 * the caller wants that; else it goes on to the limit. */
static void sequences_that_only_repeat_themselves_end(void **state) {
    (void)state;
    static const am_search_options ways[] = {
        {.n_beams = 1, .length_penalty = -1},
        {.n_beams = 3, .patience = 1, .length_penalty = -1},
        {.temperature = 0.2, .n_samples = 3, .length_penalty = -1},
    };
    const am_rules rules = rules_of(false);
    const am_dims dims = {.n_text_ctx = 128, .n_vocab = N_VOCAB};
    am_error error;
    am_job job;
    am_kvcache cache;
    assert_int_equal(am__job_init(&job, &dims, 3, &error), AM_OK);
    assert_int_equal(am__kvcache_init(&cache, 1, 64, 512, false, &error), AM_OK);
    for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
        for (phrase = 1; phrase <= 18; phrase++) {
            am_search_options options = ways[w];
            options.n_new_max = 100;
            assert_false(search(&job, &cache, &rules, &options).loops);
            options.stop_loops = true;
            const am_search_result found = search(&job, &cache, &rules, &options);
            assert_int_equal(found.loops, phrase <= 16);
            assert_int_equal(found.n_tokens, phrase <= 16 ? 4 + phrase + 32 : 100);
        }
    }
    phrase = 0;
    am__job_release(&job, &cache);
    am__job_free(&job);
    am__kvcache_free(&cache);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_token_is_an_early_timestamp),
        cmocka_unit_test(without_timestamps_only_blanks_and_symbols_are_forbidden),
        cmocka_unit_test(timestamps_come_in_pairs_and_rise),
        cmocka_unit_test(probable_timestamps_win_over_text),
        cmocka_unit_test(cells_are_shared_and_come_back),
        cmocka_unit_test(logprobs_are_those_of_the_tokens),
        cmocka_unit_test(sequences_that_only_repeat_themselves_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
