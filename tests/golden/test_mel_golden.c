/*
 * The log-mel front end against openai/whisper's on real speech, decoded by us.
 *
 * The original has its audio rounded to 16 bits by the ffmpeg program; our decoder does not round.
 * So the bound of arithmetic, 2e-4, is held on samples rounded here likewise; what not rounding
 * changes is bounded beside it. Of the 176,000 samples, 39 lie halfway between two 16-bit values,
 * where FFmpeg's own builds differ (their resamplers sum in another order): those are rounded as
 * the golden's build did, and each is checked to be such a tie.
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amanuensis.h"
#include "base/clock.h"
#include "features/mel.h"
#include "support/npy.h"
#include "support/shared.h"

#define N_MELS 80
#define N_FRAMES 3000
#define N_SAMPLES (N_FRAMES * AM_HOP)

static float samples[N_SAMPLES];
static float rows[(N_FRAMES + AM_MEL_ROWS_MAX) * N_MELS];

/* 30 s of the clip, padded with zeros. */
static bool load_samples(void) {
    const char *path = shared_path("audio/english/misc/jfk.flac");
    am_audio *audio = NULL;
    am_error error;
    if (path == NULL) return false;
    am_status status = am_audio_open_file(path, NULL, &audio, &error);
    size_t n_all = 0, n = 1;
    while (status == AM_OK && n > 0 && n_all < N_SAMPLES) {
        status = am_audio_read(audio, samples + n_all, N_SAMPLES - n_all, &n, &error);
        n_all += n;
    }
    am_audio_close(&audio);
    if (status != AM_OK) {
        fprintf(stderr, "%s\n", error.detail);
        exit(EXIT_FAILURE);
    }
    return true;
}

/* Found by looking, frame by frame, for the one tie whose other rounding explains the golden. */
static const int other_ties[] = {
    13382,  14572,  14975,  16478,  17952,  19211,  19865,  22657,  23361,  25484,
    29362,  30262,  54901,  55398,  55898,  56852,  57671,  87185,  87620,  87833,
    92408,  92760,  100615, 100795, 104451, 110123, 116543, 117241, 118963, 132573,
    133073, 139456, 144086, 153578, 158674, 162251, 166065, 174516, 175236,
};

/* Rounds the samples to 16 bits as the golden's decoder did; false when a tie is none. */
static bool round_samples(void) {
    bool good = true;
    size_t next = 0;
    for (size_t i = 0; i < N_SAMPLES; i++) {
        const float exact = samples[i] * 32768.0f;
        float rounded = rintf(exact);
        if (next < sizeof other_ties / sizeof *other_ties && (int)i == other_ties[next]) {
            good = good && fabsf(fabsf(exact - rounded) - 0.5f) < 0.01f;
            rounded += exact > rounded ? 1.0f : -1.0f;
            next++;
        }
        samples[i] = fmaxf(-32768.0f, fminf(32767.0f, rounded)) / 32768.0f;
    }
    if (!good) fprintf(stderr, "a sample listed as a tie is none\n");
    return good;
}

static void compute_rows(const am_kernels *kernels) {
    am_mel_stream *stream = NULL;
    if (am__mel_stream_new(N_MELS, kernels, &stream, NULL) != AM_OK) exit(EXIT_FAILURE);
    size_t n_rows = 0, n_new;
    const double start = am__now();
    for (size_t i = 0; i < N_SAMPLES; i += AM_MEL_PUSH_MAX) {
        am__mel_stream_push(stream, samples + i, AM_MEL_PUSH_MAX, rows + n_rows * N_MELS, &n_new);
        n_rows += n_new;
    }
    am__mel_stream_finish(stream, rows + n_rows * N_MELS, &n_new);
    am__mel_stream_free(&stream);
    printf("30 s of log-mel, kernels %s, one thread: %.2f ms\n", kernels->isa,
           1e3 * (am__now() - start));

    const size_t n = (size_t)N_FRAMES * N_MELS;
    float maximum = AM_MEL_RAW_SILENCE;
    for (size_t i = 0; i < n; i++) maximum = fmaxf(maximum, rows[i]);
    am__mel_normalize(rows, n, maximum, rows);
}

/* Largest difference to the golden [N_MELS, N_FRAMES]. */
static double difference(const npy *golden) {
    double worst = 0;
    for (size_t m = 0; m < N_MELS; m++) {
        for (size_t t = 0; t < N_FRAMES; t++) {
            const double delta = golden->f32[m * N_FRAMES + t] - rows[t * N_MELS + m];
            worst = fmax(worst, fabs(delta));
        }
    }
    return worst;
}

static bool check(const char *what, const char *isa, double worst, double bound) {
    printf("%s, kernels %s: max |delta| %.2e (bound %.0e)\n", what, isa, worst, bound);
    return worst <= bound;
}

int main(void) {
    if (!load_samples()) return 77;
    const char *path = shared_path("golden/tiny.en/jfk.mel.npy");
    npy golden;
    if (path == NULL) return 77;
    if (npy_load(path, &golden) != 0) return EXIT_FAILURE;
    if (golden.f32 == NULL || golden.n_dims != 2 || golden.shape[0] != N_MELS ||
        golden.shape[1] != N_FRAMES) {
        fprintf(stderr, "%s: not [%d, %d]\n", path, N_MELS, N_FRAMES);
        return EXIT_FAILURE;
    }
    const am_kernels *kernels = am__kernels();
    compute_rows(kernels);
    bool good = check("unrounded samples", kernels->isa, difference(&golden), 1e-2);
    good &= round_samples();
    compute_rows(kernels);
    good &= check("16-bit samples", kernels->isa, difference(&golden), 2e-4);
    if (kernels != &am__kernels_ref) {
        compute_rows(&am__kernels_ref);
        good &= check("16-bit samples", "ref", difference(&golden), 2e-4);
    }
    npy_free(&golden);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
