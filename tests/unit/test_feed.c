/*
 * The source of windows: every sample that is wanted comes in exactly one window, in order, as it
 * was; whoever stops early or fails gets out clean. And what puts segments in order and in time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "segments/feed.h"
#include "segments/ledger.h"
#include "segments/result.h"
#include "segments/retime.h"
#include "speech/quiet.h"
#include "support/failing_heap.h"

#define N_SAMPLES (200 * AM_SAMPLE_RATE + 77)

static float noise[N_SAMPLES];

static void must(am_status status, const am_error *error) {
    if (status != AM_OK) fail_msg("%s: %s", am_status_name(status), error->detail);
}

/* Takes all windows; checks that they are the samples they say. Returns how many samples. */
static uint64_t take_all(am_feed *feed, uint64_t *first, uint64_t *end, size_t *n_windows) {
    am_error error;
    uint64_t n = 0;
    *n_windows = 0;
    *end = 0;
    for (;;) {
        am_feed_state state;
        const am_parcel *parcel = NULL;
        am__feed_wait(feed);
        must(am__feed_next(feed, &state, &parcel, &error), &error);
        if (state == AM_FEED_ENDED) return n;
        if (state != AM_FEED_READY) continue;
        assert_true(parcel->window.n_samples > 0 &&
                    parcel->window.n_samples <= AM_WINDOW_SAMPLES);
        for (size_t i = 0; i < parcel->window.n_pieces; i++) {
            const am_piece *piece = &parcel->window.pieces[i];
            assert_true(piece->first >= *end);
            if (n == 0) *first = piece->first;
            *end = piece->first + piece->n;
            assert_memory_equal(parcel->samples + piece->at, noise + piece->first,
                                piece->n * sizeof *noise);
            n += piece->n;
        }
        (*n_windows)++;
        am__feed_release(feed);
    }
}

static am_feed *open_feed(am_audio **audio, const char *clips) {
    am_error error;
    am_feed *feed = NULL;
    must(am_audio_open_pcm(noise, N_SAMPLES, audio, &error), &error);
    const am_feed_input input = {.audio = *audio, .clip_timestamps = clips};
    must(am__feed_open(&input, &feed, &error), &error);
    return feed;
}

static void every_sample_comes_once(void **state) {
    (void)state;
    static const struct {
        const char *clips;
        uint64_t n, first, end;
    } cases[] = {
        {"0", N_SAMPLES, 0, N_SAMPLES},
        {"12.5", N_SAMPLES - 200000, 200000, N_SAMPLES},
        {"1,2,50,120.01,150", 16000 + 1120160 + N_SAMPLES - 2400000, 16000, N_SAMPLES},
        {"3,3,10,40", 480000, 160000, 640000},
        {"190,500", N_SAMPLES - 3040000, 3040000, N_SAMPLES},
        {"500,600", 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        am_audio *audio = NULL;
        am_feed *feed = open_feed(&audio, cases[i].clips);
        uint64_t first = 0, end = 0;
        size_t n_windows = 0;
        assert_int_equal(take_all(feed, &first, &end, &n_windows), cases[i].n);
        assert_int_equal(first, cases[i].first);
        assert_int_equal(end, cases[i].end);
        assert_true(n_windows >= cases[i].n / AM_WINDOW_SAMPLES);
        am__feed_close(&feed);
        am_audio_close(&audio);
    }
}

static void stopping_early(void **state) {
    (void)state;
    for (int n_taken = 0; n_taken < 4; n_taken++) {
        am_audio *audio = NULL;
        am_feed *feed = open_feed(&audio, NULL);
        for (int i = 0; i < n_taken;) {
            am_feed_state what;
            const am_parcel *parcel = NULL;
            am__feed_wait(feed);
            assert_int_equal(am__feed_next(feed, &what, &parcel, NULL), AM_OK);
            if (what != AM_FEED_READY) continue;
            am__feed_release(feed);
            i++;
        }
        am__feed_close(&feed);
        assert_null(feed);
        am_audio_close(&audio);
    }
}

static void allocations_fail(void **state) {
    (void)state;
    failing_heap heap;
    am_status status = AM_E_MEMORY;
    for (int n = 0; status != AM_OK && n < 100; n++) {
        am_audio *audio = NULL;
        am_feed *feed = NULL;
        failing_heap_start(&heap, n);
        status = am_audio_open_pcm(noise, N_SAMPLES, &audio, NULL);
        const am_feed_input input = {.audio = audio};
        if (status == AM_OK) status = am__feed_open(&input, &feed, NULL);
        if (status != AM_OK) assert_int_equal(status, AM_E_MEMORY);
        am__feed_close(&feed);
        am_audio_close(&audio);
        assert_int_equal(heap.n_live, 0);
        failing_heap_stop();
    }
    assert_int_equal(status, AM_OK);
}

static void cuts_are_quiet(void **state) {
    (void)state;
    static float x[48000];
    for (size_t at = 18000; at < 44000; at += 2600) {
        for (size_t i = 0; i < 48000; i++) {
            x[i] = noise[i] * (i >= at && i < at + 4000 ? 0.01f : 1.0f);
        }
        const size_t cut = am__quiet_place(x, 48000, 16000);
        assert_true(cut > at && cut < at + 4000);
    }
    memset(x, 0, sizeof x);
    const size_t cut = am__quiet_place(x, 48000, 16000);
    assert_true(cut > 44000 && cut < 48000); /* as late as it may be: windows are full */
}

/* ---- Times --------------------------------------------------------------------------------- */

static void times_follow_the_map(void **state) {
    (void)state;
    /* 2 s from 10 s on, 3 s from 100 s on. */
    const am_window window = {.pieces = {{160000, 0, 32000}, {1600000, 32000, 48000}},
                              .n_pieces = 2, .n_samples = 80000, .n_speech = 80000};
    static const struct {
        double start, end, least, file_start, file_end;
    } cases[] = {
        {0, 1, 0, 10, 11},       {2, 3, 0, 100, 101},    {1, 2, 0, 11, 12},
        {1, 4, 0, 11, 102},      {4, 30, 0, 102, 103},   {30, 30, 0, 103, 103},
        {0, 1, 10.5, 10.5, 11},  {0, 1, 12, 12, 12},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        am_segment segment = {.start = cases[i].start, .end = cases[i].end};
        am__retime_segment(&window, cases[i].least, &segment, NULL);
        assert_true(segment.start == cases[i].file_start && segment.end == cases[i].file_end);
        assert_int_equal(segment.seek, 1000);
    }
    /* A word is heard in one piece: the one its middle is in. */
    am_word words[] = {{.start = 1.5, .end = 2.2}, {.start = 1.9, .end = 2.5},
                       {.start = 4.9, .end = 9}};
    am_segment segment = {.words = words, .n_words = 3, .start = 0, .end = 5};
    am__retime_segment(&window, 0, &segment, words);
    assert_true(words[0].start == 11.5 && words[0].end == 12);
    assert_true(words[1].start == 100 && words[1].end == 100.5);
    assert_true(words[2].start == 102.9 && words[2].end == 103);
    assert_true(segment.start == 11.5 && segment.end == 103);
}

/* ---- Order --------------------------------------------------------------------------------- */

typedef struct received {
    int starts[64];
    size_t n;
} received;

static void receive(void *user, const am_segment *segment) {
    received *r = user;
    assert_int_equal(segment->id, r->n);
    r->starts[r->n++] = (int)segment->start;
}

/* Windows of three segments get ready in a random order; what comes out is in order. */
static void segments_wait_for_their_turn(void **state) {
    (void)state;
    am_error error;
    am_rng rng;
    am__rng_seed(&rng, 4);
    for (int round = 0; round < 50; round++) {
        received got = {.n = 0};
        const am_callbacks callbacks = {.segment = receive, .user = &got};
        static am_ledger ledger;
        am_result *result = NULL;
        int left[20];
        must(am__result_new(AM_TASK_TRANSCRIBE, &result, &error), &error);
        am__ledger_init(&ledger, result, &callbacks);
        for (size_t i = 0; i < 20; i++) {
            assert_true(am__ledger_has_room(&ledger));
            assert_int_equal(am__ledger_begin(&ledger), i);
            left[i] = 3;
        }
        for (int n = 0; n < 60;) {
            const size_t window = (size_t)am__rng_below(&rng, 20);
            if (left[window] == 0) continue;
            const am_segment segment = {.start = (double)(window * 3) + 3 - left[window],
                                        .text = "x"};
            must(am__ledger_add(&ledger, window, &segment, &error), &error);
            n++;
            if (--left[window] == 0) {
                must(am__ledger_end(&ledger, window, (double)window, &error), &error);
            }
            for (size_t i = 0; i < got.n; i++) assert_int_equal(got.starts[i], i);
            size_t whole = 0; /* windows at the front that are done, and what the next one has */
            while (whole < 20 && left[whole] == 0) whole++;
            const size_t partial = whole < 20 ? 3 - (size_t)left[whole] : 0;
            assert_int_equal(got.n, whole * 3 + partial);
        }
        assert_true(am__ledger_done(&ledger) == 19);
        am__ledger_free(&ledger);
        am_result_free(&result);
    }
}

static void unfinished_windows_are_bounded(void **state) {
    (void)state;
    am_error error;
    static am_ledger ledger;
    am_result *result = NULL;
    const am_segment segment = {.text = "x"};
    must(am__result_new(AM_TASK_TRANSCRIBE, &result, &error), &error);
    am__ledger_init(&ledger, result, NULL);
    for (size_t i = 0; i < AM_LEDGER_WINDOWS; i++) {
        assert_true(am__ledger_has_room(&ledger));
        const size_t window = am__ledger_begin(&ledger);
        must(am__ledger_add(&ledger, window, &segment, &error), &error);
        if (window > 0) must(am__ledger_end(&ledger, window, 1, &error), &error);
    }
    assert_false(am__ledger_has_room(&ledger));
    must(am__ledger_end(&ledger, 0, 1, &error), &error);
    assert_true(am__ledger_has_room(&ledger));
    size_t n = 0;
    am_result_segments(result, &n);
    assert_int_equal(n, AM_LEDGER_WINDOWS);
    am__ledger_free(&ledger);
    am_result_free(&result);
}

int main(void) {
    am_rng rng;
    am__rng_seed(&rng, 3);
    for (size_t i = 0; i < N_SAMPLES; i++) noise[i] = (float)(0.1 * am__rng_normal(&rng));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sample_comes_once),
        cmocka_unit_test(stopping_early),
        cmocka_unit_test(allocations_fail),
        cmocka_unit_test(cuts_are_quiet),
        cmocka_unit_test(times_follow_the_map),
        cmocka_unit_test(segments_wait_for_their_turn),
        cmocka_unit_test(unfinished_windows_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
