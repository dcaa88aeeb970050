/*
 * Regions, windows and the time map: against faster-whisper's regions on real probabilities
 * (tools/gen_vad_fixture.py), and their invariants on random ones.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "speech/windows.h"

#define CHUNK 512
#define N_CHUNKS_MAX 8000
#define N_REGIONS_MAX 4000

static float probabilities[N_CHUNKS_MAX];
static am_region regions[N_REGIONS_MAX];
static am_window windows[N_REGIONS_MAX];

/* Runs the state machine; checks on the way that nothing starts before the promised floor. */
static size_t find_regions(const am_vad_options *options, size_t n_chunks, uint64_t n_samples) {
    am_regions state;
    size_t n = 0;
    uint64_t floor = 0;
    assert_int_equal(am__regions_init(&state, options, NULL), AM_OK);
    for (size_t i = 0; i <= n_chunks; i++) {
        if (i < n_chunks) {
            am__regions_push(&state, probabilities[i]);
        } else {
            am__regions_finish(&state, n_samples);
        }
        assert_true(am__regions_floor(&state) >= floor);
        floor = am__regions_floor(&state);
        while (am__regions_next(&state, &regions[n])) {
            assert_true(regions[n].start >= floor);
            n++;
            assert_true(n < N_REGIONS_MAX);
        }
    }
    return n;
}

static size_t load_probabilities(const char *clip) {
    char line[500], name[200];
    size_t n = 0;
    float value;
    FILE *file = fopen("tests/data/vad_probabilities.tsv", "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        assert_int_equal(sscanf(line, "%199s %*d %f", name, &value), 2);
        if (strcmp(name, clip) == 0) probabilities[n++] = value;
    }
    fclose(file);
    return n;
}

static void regions_equal_reference(void **state) {
    (void)state;
    char line[4000], clip[200];
    int n_lines = 0, n_regions = 0;
    FILE *file = fopen("tests/data/vad_regions.tsv", "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        am_vad_options options;
        unsigned long n_samples;
        int used = 0;
        am_vad_options_init(&options);
        options.max_speech_duration_s = INFINITY;
        assert_int_equal(sscanf(line, "%199s %lu %lf %d %d %d%n", clip, &n_samples,
                                &options.threshold, &options.min_speech_duration_ms,
                                &options.min_silence_duration_ms, &options.speech_pad_ms, &used),
                         6);
        options.neg_threshold = fmax(options.threshold - 0.15, 0.01); /* its default */
        const size_t n = find_regions(&options, load_probabilities(clip), n_samples);
        const char *at = line + used;
        for (size_t i = 0; i < n; i++) {
            unsigned long start = 0, end = 0;
            assert_int_equal(sscanf(at, " %lu-%lu%n", &start, &end, &used), 2);
            assert_int_equal(regions[i].start, start);
            assert_int_equal(regions[i].end, end);
            at += used;
            n_regions++;
        }
        assert_string_equal(at + strspn(at, "\t"), "\n");
        n_lines++;
    }
    fclose(file);
    assert_int_equal(n_lines, 20);
    assert_int_equal(n_regions, 76);
}

/* Speech that comes and goes: runs of chunks around 0 or 1, with some noise. */
static void random_probabilities(am_rng *rng, size_t n) {
    const uint64_t length = 1 + am__rng_below(rng, 300);
    bool speech = false;
    for (size_t i = 0; i < n; i++) {
        if (am__rng_below(rng, length) == 0) speech = !speech;
        const double value = (speech ? 0.75 : 0.2) + 0.2 * am__rng_normal(rng);
        probabilities[i] = (float)fmin(1, fmax(0, value));
    }
}

static void random_options(am_rng *rng, am_vad_options *options) {
    static const int silences[] = {0, 32, 64, 160, 500, 2000};
    static const int pads[] = {0, 1, 30, 400};
    static const double limits[] = {2, 5, 30};
    am_vad_options_init(options);
    options->threshold = 0.2 + 0.1 * (double)am__rng_below(rng, 7);
    options->min_silence_duration_ms = silences[am__rng_below(rng, 6)];
    options->speech_pad_ms = pads[am__rng_below(rng, 4)];
    options->max_speech_duration_s = limits[am__rng_below(rng, 3)];
}

static void check_regions(const am_vad_options *options, size_t n, size_t n_chunks,
                          uint64_t n_samples) {
    const double limit = options->max_speech_duration_s * 16000;
    uint64_t end = 0;
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        const am_region *r = &regions[i];
        assert_true(r->start >= end);
        assert_true(r->start <= r->speech_start && r->speech_start < r->speech_end);
        assert_true(r->speech_end <= r->end && r->end <= n_samples);
        assert_true((double)(r->end - r->start) <= limit);
        assert_true(r->speech_start - r->start <= (uint64_t)options->speech_pad_ms * 16);
        assert_true(r->end - r->speech_end <= (uint64_t)options->speech_pad_ms * 16);
        end = r->end;
    }
    for (size_t i = 0; i < n_chunks; i++) { /* no speech is lost */
        if (probabilities[i] < options->threshold) continue;
        const uint64_t sample = i * CHUNK;
        while (at < n && regions[at].speech_end <= sample) at++;
        assert_true(at < n && regions[at].speech_start <= sample);
    }
}

static void regions_cover_speech(void **state) {
    (void)state;
    am_rng rng;
    am__rng_seed(&rng, 11);
    for (int round = 0; round < 300; round++) {
        const size_t n_chunks = 1 + (size_t)am__rng_below(&rng, 3000);
        const uint64_t n_samples = n_chunks * CHUNK - am__rng_below(&rng, CHUNK);
        am_vad_options options;
        random_probabilities(&rng, n_chunks);
        random_options(&rng, &options);
        check_regions(&options, find_regions(&options, n_chunks, n_samples), n_chunks, n_samples);
    }
}

static void long_speech_is_cut_at_its_longest_pause(void **state) {
    (void)state;
    am_vad_options options;
    am_vad_options_init(&options);
    options.speech_pad_ms = 0;
    for (size_t i = 0; i < 1200; i++) probabilities[i] = 0.9f;
    for (size_t i = 100; i < 105; i++) probabilities[i] = 0.05f; /* the longest, but early */
    for (size_t i = 600; i < 604; i++) probabilities[i] = 0.05f;
    for (size_t i = 800; i < 804; i++) probabilities[i] = 0.05f;
    options.min_silence_duration_ms = 200;
    assert_int_equal(find_regions(&options, 1200, 1200 * CHUNK), 2);
    assert_int_equal(regions[0].end, 800 * CHUNK);
    assert_int_equal(regions[1].start, 804 * CHUNK);

    for (size_t i = 0; i < 1200; i++) probabilities[i] = 0.9f; /* no pause: the weakest chunk */
    probabilities[300] = 0.55f;
    probabilities[700] = 0.6f;
    assert_int_equal(find_regions(&options, 1200, 1200 * CHUNK), 2);
    assert_int_equal(regions[0].end, 700 * CHUNK);
    assert_int_equal(regions[1].start, 700 * CHUNK);
}

static void speech_goes_on_down_to_a_fifth_of_the_threshold(void **state) {
    (void)state;
    am_vad_options options;
    am_vad_options_init(&options);
    for (size_t i = 0; i < 300; i++) probabilities[i] = i < 100 ? 0.9f : i < 200 ? 0.11f : 0.09f;
    assert_int_equal(find_regions(&options, 300, 300 * CHUNK), 1);
    assert_int_equal(regions[0].speech_end, 200 * CHUNK);
    assert_int_equal(regions[0].end, 200 * CHUNK + 800 * 16);
    options.threshold = 0.6;
    assert_int_equal(find_regions(&options, 300, 300 * CHUNK), 1);
    assert_int_equal(regions[0].speech_end, 100 * CHUNK);
}

static void bad_options_are_named(void **state) {
    (void)state;
    am_regions made;
    am_error error;
    am_vad_options options;
    static const struct {
        double threshold, neg_threshold;
        int speech, silence, pad;
        double most;
        const char *name;
    } cases[] = {
        {0, -1, 0, 0, 0, 30, "threshold"},     {1, -1, 0, 0, 0, 30, "threshold"},
        {NAN, -1, 0, 0, 0, 30, "threshold"},   {0.5, 0.6, 0, 0, 0, 30, "neg_threshold"},
        {0.5, NAN, -1, 0, 0, 30, "min_speech"}, {0.5, -1, 0, -5, 0, 30, "min_silence"},
        {0.5, -1, 0, 0, 4000000, 30, "speech_pad"}, {0.5, -1, 0, 0, 400, 0.8, "max_speech"},
        {0.5, -1, 0, 0, 400, NAN, "max_speech"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        options = (am_vad_options){cases[i].threshold, cases[i].neg_threshold, cases[i].speech,
                                   cases[i].most,      cases[i].silence,       cases[i].pad};
        assert_int_equal(am__regions_init(&made, &options, &error), AM_E_ARG);
        assert_non_null(strstr(error.detail, cases[i].name));
    }
}

static size_t find_windows(size_t n_regions) {
    static am_windows state;
    size_t n = 0;
    state = (am_windows){0};
    for (size_t i = 0; i <= n_regions; i++) {
        if (i < n_regions) {
            am__windows_advance(&state, regions[i].start);
            while (am__windows_next(&state, &windows[n])) n++;
            am__windows_push(&state, &regions[i]);
        } else {
            am__windows_finish(&state);
        }
        while (am__windows_next(&state, &windows[n])) n++;
        assert_true(n + 4 < N_REGIONS_MAX);
    }
    return n;
}

/* Pieces in order and consistent, the time map exact both ways. */
static void check_window(const am_window *window, am_rng *rng) {
    const am_piece *pieces = window->pieces;
    const size_t n = window->n_pieces;
    uint64_t at = 0;
    assert_true(n > 0 && n <= AM_WINDOW_PIECES && window->n_samples <= AM_WINDOW_SAMPLES);
    for (size_t i = 0; i < n; i++) {
        assert_true(pieces[i].n > 0);
        assert_int_equal(pieces[i].at, at);
        if (i > 0) assert_true(pieces[i].first > pieces[i - 1].first + pieces[i - 1].n);
        at += pieces[i].n;
    }
    assert_int_equal(at, window->n_samples);

    uint64_t speech = 0, before[2] = {0, 0};
    const uint64_t end = pieces[n - 1].first + pieces[n - 1].n;
    while (speech <= window->n_samples) {
        for (int side = AM_SIDE_START; side <= AM_SIDE_END; side++) {
            const uint64_t file = am__speech_to_file(pieces, n, speech, (am_side)side);
            assert_true(file >= before[side] && file <= end);
            assert_int_equal(am__file_to_speech(pieces, n, file), speech);
            before[side] = file;
        }
        assert_true(before[AM_SIDE_END] <= before[AM_SIDE_START]);
        speech += 1 + am__rng_below(rng, 4000);
    }
    for (size_t i = 0; i < n; i++) { /* where pieces meet */
        const uint64_t last = pieces[i].at + pieces[i].n;
        assert_int_equal(am__speech_to_file(pieces, n, pieces[i].at, AM_SIDE_START),
                         pieces[i].first);
        assert_int_equal(am__speech_to_file(pieces, n, last, AM_SIDE_END),
                         pieces[i].first + pieces[i].n);
        assert_int_equal(am__file_to_speech(pieces, n, pieces[i].first + pieces[i].n), last);
        if (i + 1 < n) assert_int_equal(am__file_to_speech(pieces, n, pieces[i + 1].first - 1),
                                        last);
    }
    assert_int_equal(am__speech_to_file(pieces, n, UINT64_MAX, AM_SIDE_END), end);
    assert_int_equal(am__file_to_speech(pieces, n, UINT64_MAX), window->n_samples);
    assert_int_equal(am__file_to_speech(pieces, n, 0), 0);
}

static void check_tail(const am_window *window, am_rng *rng) {
    am_window tail;
    const uint64_t from = am__rng_below(rng, window->n_samples);
    assert_true(am__window_tail(window, from, &tail));
    assert_int_equal(tail.n_samples, window->n_samples - from);
    check_window(&tail, rng);
    for (uint64_t at = 0; at < tail.n_samples; at += 1 + tail.n_samples / 50) {
        assert_int_equal(
            am__speech_to_file(tail.pieces, tail.n_pieces, at, AM_SIDE_START),
            am__speech_to_file(window->pieces, window->n_pieces, from + at, AM_SIDE_START));
    }
    assert_false(am__window_tail(window, window->n_samples, &tail));
}

/* Every region lies whole in the pieces of the windows, whose ends are ends of regions. */
static void check_cover(size_t n_regions, size_t n_windows) {
    size_t w = 0, p = 0;
    uint64_t covered = 0, end = 0;
    for (size_t i = 0; i < n_regions; i++) {
        for (uint64_t at = regions[i].start; at < regions[i].end;) {
            while (w < n_windows && windows[w].pieces[p].first + windows[w].pieces[p].n <= at) {
                if (++p == windows[w].n_pieces) w++, p = 0;
            }
            assert_true(w < n_windows && windows[w].pieces[p].first <= at);
            const uint64_t piece_end = windows[w].pieces[p].first + windows[w].pieces[p].n;
            at = piece_end < regions[i].end ? piece_end : regions[i].end;
        }
        covered += regions[i].end - regions[i].start;
    }
    uint64_t total = 0;
    for (w = 0; w < n_windows; w++) {
        const am_piece *last = &windows[w].pieces[windows[w].n_pieces - 1];
        assert_true(windows[w].pieces[0].first >= end);
        end = last->first + last->n;
        assert_true(end - windows[w].pieces[0].first <= AM_WINDOW_SPAN + AM_WINDOW_SAMPLES);
        total += windows[w].n_samples;
    }
    assert_true(total >= covered);
}

static void windows_partition_regions(void **state) {
    (void)state;
    am_rng rng;
    am__rng_seed(&rng, 12);
    size_t n_all = 0;
    for (int round = 0; round < 200; round++) {
        const size_t n_chunks = 1 + (size_t)am__rng_below(&rng, N_CHUNKS_MAX);
        am_vad_options options;
        random_probabilities(&rng, n_chunks);
        random_options(&rng, &options);
        const size_t n_regions = find_regions(&options, n_chunks, n_chunks * CHUNK);
        const size_t n_windows = find_windows(n_regions);
        for (size_t i = 0; i < n_windows; i++) {
            check_window(&windows[i], &rng);
            check_tail(&windows[i], &rng);
        }
        check_cover(n_regions, n_windows);
        n_all += n_windows;
    }
    assert_true(n_all > 500);
}

static am_region region_at(double start_s, double end_s) {
    const uint64_t start = (uint64_t)(start_s * 16000), end = (uint64_t)(end_s * 16000);
    return (am_region){start, end, start, end};
}

static void windows_end_at_the_longest_silence(void **state) {
    (void)state;
    static const double times[][2] = {{0, 8}, {10, 15}, {15.2, 21.5}, {22.4, 25}, {25.2, 28},
                                      {28.3, 36}};
    for (size_t i = 0; i < 6; i++) regions[i] = region_at(times[i][0], times[i][1]);
    /* 0-8, then 10-28 with its short gaps: 26 s; the next does not fit. Of the silences behind 20 s
     * the longest is that of 0.3 s before it; the one of 0.9 s came too early. */
    assert_int_equal(find_windows(6), 2);
    assert_int_equal(windows[0].n_pieces, 2);
    assert_int_equal(windows[0].n_samples, 26 * 16000);
    assert_int_equal(windows[0].pieces[1].first, 10 * 16000);
    assert_int_equal(windows[1].pieces[0].first, (uint64_t)(28.3 * 16000));

    regions[4] = region_at(25.7, 28); /* now 0.7 s at 23 s of the window is the longest */
    assert_int_equal(find_windows(6), 2);
    assert_int_equal(windows[0].n_samples, 23 * 16000);
    assert_int_equal(windows[1].pieces[0].first, (uint64_t)(25.7 * 16000));

    regions[0] = region_at(0, 75); /* longer than a window: nothing is lost all the same */
    assert_int_equal(find_windows(1), 3);
    assert_int_equal(windows[2].n_samples, 15 * 16000);
    assert_int_equal(windows[2].pieces[0].first, 60 * 16000);
}

static void windows_do_not_wait_for_ever(void **state) {
    (void)state;
    static am_windows queue;
    am_window window;
    const am_region region = region_at(5, 6);
    am__windows_push(&queue, &region);
    am__windows_advance(&queue, region.start + AM_WINDOW_SPAN);
    assert_false(am__windows_next(&queue, &window));
    am__windows_advance(&queue, region.start + AM_WINDOW_SPAN + 1);
    assert_true(am__windows_next(&queue, &window));
    assert_int_equal(window.n_samples, 16000);
    assert_false(am__windows_next(&queue, &window));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(regions_equal_reference),
        cmocka_unit_test(regions_cover_speech),
        cmocka_unit_test(long_speech_is_cut_at_its_longest_pause),
        cmocka_unit_test(speech_goes_on_down_to_a_fifth_of_the_threshold),
        cmocka_unit_test(bad_options_are_named),
        cmocka_unit_test(windows_partition_regions),
        cmocka_unit_test(windows_end_at_the_longest_silence),
        cmocka_unit_test(windows_do_not_wait_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
