/* Unit tests of src/features: the mel stream against a plain double-precision one. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "features/mel.h"
#include "features/mel_filters.h"

#define N_MAX 40000
#define ROWS_MAX (N_MAX / AM_HOP + 3)
#define MELS_MAX 128

static float samples[N_MAX];
static float rows[(ROWS_MAX + AM_MEL_ROWS_MAX) * MELS_MAX];
static float again[(ROWS_MAX + AM_MEL_ROWS_MAX) * MELS_MAX];

/* The kernels of this machine, and the reference. */
static const am_kernels *tables[2];
static size_t n_tables;

static int find_tables(void **state) {
    (void)state;
    tables[n_tables++] = am__kernels();
    if (am__kernels() != &am__kernels_ref) tables[n_tables++] = &am__kernels_ref;
    am_rng rng;
    am__rng_seed(&rng, 3);
    for (size_t i = 0; i < N_MAX; i++) {
        const double t = (double)i / 16000;
        samples[i] = (float)(0.4 * sin(6.28 * 700 * t * (1 + t)) + 0.01 * am__rng_normal(&rng));
    }
    return 0;
}

static size_t rows_of(size_t n) {
    return n == 0 ? 0 : (n + AM_FFT_SIZE / 2 + AM_HOP - 1) / AM_HOP;
}

/* Pushes n samples in pieces of 1 … piece_max and finishes; returns the number of rows. */
static size_t run(am_mel_stream *stream, int n_mels, size_t n, size_t piece_max, am_rng *rng,
                  float *out) {
    size_t n_rows = 0, n_new = 0;
    for (size_t done = 0; done < n;) {
        size_t piece = rng == NULL ? piece_max : 1 + (size_t)am__rng_below(rng, piece_max);
        if (piece > n - done) piece = n - done;
        am__mel_stream_push(stream, samples + done, piece, out + n_rows * (size_t)n_mels, &n_new);
        assert_true(n_new <= AM_MEL_ROWS_MAX);
        n_rows += n_new;
        done += piece;
    }
    am__mel_stream_finish(stream, out + n_rows * (size_t)n_mels, &n_new);
    assert_true(n_new <= 3);
    return n_rows + n_new;
}

/* Row t of n samples, from the definition. */
static void naive_row(size_t n, size_t t, const am_mel_bank *bank, double *out) {
    double power[AM_FFT_BINS];
    double frame[AM_FFT_SIZE];
    for (size_t i = 0; i < AM_FFT_SIZE; i++) {
        long at = labs((long)(t * AM_HOP + i) - AM_FFT_SIZE / 2);
        const double hann = 0.5 - 0.5 * cos(2 * 3.14159265358979323846 * (double)i / AM_FFT_SIZE);
        frame[i] = (size_t)at < n ? hann * (double)samples[at] : 0.0;
    }
    for (size_t bin = 0; bin < AM_FFT_BINS; bin++) {
        double re = 0, im = 0;
        for (size_t i = 0; i < AM_FFT_SIZE; i++) {
            const double angle =
                2 * 3.14159265358979323846 * (double)(bin * i % AM_FFT_SIZE) / AM_FFT_SIZE;
            re += frame[i] * cos(angle);
            im -= frame[i] * sin(angle);
        }
        power[bin] = re * re + im * im;
    }
    const float *weight = bank->weights;
    for (int m = 0; m < bank->n_mels; m++) {
        double energy = 0;
        for (int i = 0; i < bank->bands[m].n_bins; i++) {
            energy += (double)*weight++ * power[bank->bands[m].first_bin + i];
        }
        out[m] = log10(fmax(energy, 1e-10));
    }
}

static void equals_definition(void **state) {
    (void)state;
    static const size_t lengths[] = {0,   1,   2,   159, 160, 161, 199,
                                     200, 201, 202, 399, 400, 401, 3333};
    for (size_t k = 0; k < n_tables; k++) {
        for (int n_mels = 80; n_mels <= 128; n_mels += 48) {
            const am_mel_bank *bank = n_mels == 80 ? &am__mel_bank_80 : &am__mel_bank_128;
            am_mel_stream *stream = NULL;
            assert_int_equal(am__mel_stream_new(n_mels, tables[k], &stream, NULL), AM_OK);
            for (size_t l = 0; l < sizeof lengths / sizeof lengths[0]; l++) {
                const size_t n = lengths[l];
                const size_t n_rows = run(stream, n_mels, n, AM_MEL_PUSH_MAX, NULL, rows);
                assert_int_equal(n_rows, rows_of(n));
                for (size_t t = 0; t < n_rows; t++) {
                    double expected[MELS_MAX];
                    naive_row(n, t, bank, expected);
                    for (int m = 0; m < n_mels; m++) {
                        const double got = (double)rows[t * (size_t)n_mels + (size_t)m];
                        assert_true(fabs(got - expected[m]) < 1e-4);
                    }
                }
            }
            am__mel_stream_free(&stream);
            assert_null(stream);
        }
    }
}

static void pieces_do_not_matter(void **state) {
    (void)state;
    am_rng rng;
    am__rng_seed(&rng, 4);
    for (size_t k = 0; k < n_tables; k++) {
        const size_t n_longest = tables[k] == &am__kernels_ref ? 2000 : N_MAX; /* it is slow */
        am_mel_stream *stream = NULL;
        assert_int_equal(am__mel_stream_new(80, tables[k], &stream, NULL), AM_OK);
        for (size_t round = 0; round < 10; round++) {
            const size_t n = 1 + (size_t)am__rng_below(&rng, n_longest);
            const size_t n_rows = run(stream, 80, n, AM_MEL_PUSH_MAX, NULL, rows);
            static const size_t pieces[] = {1, 7, 161, 1000, 5000, AM_MEL_PUSH_MAX};
            for (size_t p = 0; p < sizeof pieces / sizeof pieces[0]; p++) {
                memset(again, 0xff, sizeof again);
                assert_int_equal(run(stream, 80, n, pieces[p], &rng, again), n_rows);
                assert_memory_equal(rows, again, n_rows * 80 * sizeof *rows);
            }
        }
        am__mel_stream_free(&stream);
    }
}

static void reset_forgets(void **state) {
    (void)state;
    am_mel_stream *stream = NULL;
    size_t n_rows;
    assert_int_equal(am__mel_stream_new(80, tables[0], &stream, NULL), AM_OK);
    const size_t n_first = run(stream, 80, 1000, 1000, NULL, rows);
    am__mel_stream_push(stream, samples + 50, 777, again, &n_rows);
    am__mel_stream_reset(stream);
    assert_int_equal(run(stream, 80, 1000, 1000, NULL, again), n_first);
    assert_memory_equal(rows, again, n_first * 80 * sizeof *rows);
    am__mel_stream_free(&stream);
    am__mel_stream_free(&stream);
    am_error error;
    assert_int_equal(am__mel_stream_new(81, tables[0], &stream, &error), AM_E_ARG);
}

static void silence_and_scaling(void **state) {
    (void)state;
    am_mel_stream *stream = NULL;
    static const float zeros[1600];
    size_t n_rows;
    assert_int_equal(am__mel_stream_new(80, tables[0], &stream, NULL), AM_OK);
    am__mel_stream_push(stream, zeros, 1600, rows, &n_rows);
    assert_int_equal(n_rows, 9);
    for (size_t i = 0; i < n_rows * 80; i++) assert_true(fabsf(rows[i] + 10.0f) < 1e-6f);
    am__mel_stream_free(&stream);

    float values[3] = {1.5f, -6.4f, -6.6f};
    am__mel_normalize(values, 3, 1.5f, values);
    assert_true(values[0] == 5.5f / 4 && values[1] == (-6.4f + 4) / 4 && values[2] == -2.5f / 4);
}

/* No band is empty or outside the spectrum, and they climb. */
static void filters_are_sound(void **state) {
    (void)state;
    const am_mel_bank *banks[] = {&am__mel_bank_80, &am__mel_bank_128};
    for (int b = 0; b < 2; b++) {
        int last = 0;
        for (int m = 0; m < banks[b]->n_mels; m++) {
            const am_mel_band band = banks[b]->bands[m];
            assert_true(band.n_bins > 0 && band.first_bin >= last);
            assert_true(band.first_bin + band.n_bins <= AM_FFT_BINS);
            last = band.first_bin;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_definition),   cmocka_unit_test(pieces_do_not_matter),
        cmocka_unit_test(reset_forgets),       cmocka_unit_test(silence_and_scaling),
        cmocka_unit_test(filters_are_sound),
    };
    return cmocka_run_group_tests(tests, find_tables, NULL);
}
