/* Unit tests of src/segments: clips, cutting a window by its timestamps, word edges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>

#include <cmocka.h>

#include "segments/clips.h"
#include "segments/draft.h"

enum { EOT = 100, BEGIN = 200 };
#define T(step) (BEGIN + (step))

static const am_special_tokens specials = {.eot = EOT, .timestamp_begin = BEGIN};

typedef struct cut_case {
    int32_t tokens[12];
    size_t n_tokens, n_frames;
    size_t n_drafts, next;        /* expected */
    double start[3], end[3];      /* expected, seconds after the window's start at 10 s */
    size_t first[3];
} cut_case;

static const cut_case cut_cases[] = {
    /* two whole segments and an open one: the next window begins at the last pair */
    {{T(0), 7, T(50), T(50), 8, T(100), T(100), 9}, 8, 3000, 2, 1200, {0, 1}, {1, 2}, {0, 3}},
    /* a single timestamp at the end: nothing is spoken after it */
    {{T(0), 7, T(50), T(60), 8, T(100)}, 6, 3000, 2, 4000, {0, 1.2}, {1, 2}, {0, 3}},
    /* no pair: the one timestamp ends the segment, the window is done */
    {{T(0), 7, 8, T(75)}, 4, 3000, 1, 4000, {0}, {1.5}, {0}},
    /* no timestamp at all: the whole content */
    {{7, 8}, 2, 1234, 1, 2234, {0}, {12.34}, {0}},
    /* only the opening one, at zero: the whole content too */
    {{T(0), 8}, 2, 500, 1, 1500, {0}, {5}, {0}},
    /* nothing was said */
    {{0}, 0, 700, 1, 1700, {0}, {7}, {0}},
};

static void windows_are_cut_at_pairs(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cut_cases / sizeof *cut_cases; i++) {
        const cut_case *c = &cut_cases[i];
        am_draft drafts[12];
        am_drafts window = {.seek = 1000,
                            .n_frames = c->n_frames,
                            .time_offset = 10.0,
                            .tokens = c->tokens,
                            .n_tokens = c->n_tokens,
                            .drafts = drafts};
        assert_int_equal(am__cut_window(&window, &specials), c->next);
        assert_int_equal(window.n_drafts, c->n_drafts);
        for (size_t d = 0; d < c->n_drafts; d++) {
            assert_true(fabs(drafts[d].start - 10.0 - c->start[d]) < 1e-9);
            assert_true(fabs(drafts[d].end - 10.0 - c->end[d]) < 1e-9);
            assert_int_equal(drafts[d].first_token, c->first[d]);
        }
    }
}

static void clips_are_frames(void **state) {
    (void)state;
    am_clips clips = {0};
    am_error error;
    assert_int_equal(am__clips_parse("1,2.5, 3", &clips, &error), AM_OK);
    assert_int_equal(clips.n, 2);
    assert_int_equal(clips.clips[0].first, 100);
    assert_int_equal(clips.clips[0].end, 250);
    assert_int_equal(clips.clips[1].first, 300);
    assert_true(clips.clips[1].end == SIZE_MAX);
    am__clips_free(&clips);
    assert_int_equal(am__clips_parse("", &clips, &error), AM_OK);
    assert_int_equal(clips.n, 1);
    am__clips_free(&clips);
    static const char *const bad[] = {"x", "1,", "2,1", "1,2,1.5,3", "-1", "1;2", "nan", "1 2"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(am__clips_parse(bad[i], &clips, &error), AM_E_ARG);
    }
}

static void durations_ignore_empty_words(void **state) {
    (void)state;
    double scratch[4];
    const am_timed_word words[] = {{.start = 0, .end = 0.2},
                                   {.start = 1, .end = 1},
                                   {.start = 2, .end = 2.4},
                                   {.start = 3, .end = 3.3}};
    const am_word_durations durations = am__word_durations(words, 4, scratch);
    assert_true(fabs(durations.median - 0.3) < 1e-9);
    assert_true(fabs(durations.longest - 0.6) < 1e-9);
    const am_word_durations none = am__word_durations(words, 0, scratch);
    assert_true(none.median == 0 && none.longest == 0);
}

/* A word that swallowed the pause before it is cut to twice the median. */
static void long_words_after_a_pause_are_cut(void **state) {
    (void)state;
    const int32_t tokens[] = {T(0), 7, 8, T(200)};
    am_draft drafts[2];
    am_timed_word words[4];
    am_drafts window = {.n_frames = 3000,
                        .tokens = tokens,
                        .n_tokens = 4,
                        .drafts = drafts,
                        .words = words};
    am__cut_window(&window, &specials);
    const am_timed_word timed[] = {
        {.text = 0, .text_end = 1, .n_tokens = 1, .start = 0, .end = 3.0},
        {.text = 1, .text_end = 2, .n_tokens = 1, .start = 3.0, .end = 3.3},
    };
    const am_word_durations durations = {0.3, 0.6};
    am__place_words(&window, &specials, timed, 2, &durations, 0);
    assert_int_equal(window.n_words, 2);
    assert_true(fabs(words[0].start - 2.4) < 1e-9);
    assert_true(fabs(drafts[0].start - 2.4) < 1e-9);
    assert_true(fabs(drafts[0].end - 3.3) < 1e-9);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_are_cut_at_pairs),
        cmocka_unit_test(clips_are_frames),
        cmocka_unit_test(durations_ignore_empty_words),
        cmocka_unit_test(long_words_after_a_pause_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
