/* Unit tests of the decoder's bookkeeping: cache cells, logit rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <string.h>

#include <cmocka.h>

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_token_is_an_early_timestamp),
        cmocka_unit_test(without_timestamps_only_blanks_and_symbols_are_forbidden),
        cmocka_unit_test(timestamps_come_in_pairs_and_rise),
        cmocka_unit_test(probable_timestamps_win_over_text),
        cmocka_unit_test(cells_are_shared_and_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
