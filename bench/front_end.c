/*
 * The parts before the encoder by themselves, on one recording:
 *
 *     front_end FILE SILERO.bin [THREADS]
 *
 * decoding and resampling (one thread), log-mel (one thread; per window of 30 s), and speech
 * detection on one thread and on THREADS. The best of several runs each.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "amanuensis.h"
#include "base/clock.h"
#include "features/mel.h"
#include "speech/vad.h"

#define ROUNDS 7
#define WINDOW_S 30.0
#define VAD_PUSH (30 * AM_SAMPLE_RATE)
#define SAMPLES_MAX (3600 * AM_SAMPLE_RATE)

typedef struct recording {
    float *samples;
    size_t n;
    double seconds;
} recording;

static void must(am_status status, const am_error *error) {
    if (status == AM_OK) return;
    fprintf(stderr, "front_end: %s\n", error->detail);
    exit(EXIT_FAILURE);
}

static void *memory(size_t n_bytes) {
    void *block = malloc(n_bytes);
    if (block == NULL) {
        fprintf(stderr, "front_end: out of memory\n");
        exit(EXIT_FAILURE);
    }
    return block;
}

static void read_all(const char *path, recording *r) {
    am_audio *audio = NULL;
    am_error error;
    size_t n = 1;
    r->n = 0;
    must(am_audio_open_file(path, NULL, &audio, &error), &error);
    while (n > 0 && r->n < SAMPLES_MAX) {
        const size_t left = SAMPLES_MAX - r->n;
        const size_t room = left < AM_MEL_PUSH_MAX ? left : AM_MEL_PUSH_MAX;
        must(am_audio_read(audio, r->samples + r->n, room, &n, &error), &error);
        r->n += n;
    }
    am_audio_close(&audio);
    r->seconds = (double)r->n / AM_SAMPLE_RATE;
}

/* Every row once, and the windows' normalisation of as many. */
static void run_mel(am_mel_stream *mel, const recording *r, float *rows, float *window) {
    size_t n_rows = 0;
    for (size_t at = 0; at < r->n; at += AM_MEL_PUSH_MAX) {
        const size_t n = r->n - at < AM_MEL_PUSH_MAX ? r->n - at : AM_MEL_PUSH_MAX;
        am__mel_stream_push(mel, r->samples + at, n, rows, &n_rows);
        am__mel_normalize(rows, n_rows * 80, 0.0f, window);
    }
    am__mel_stream_finish(mel, rows, &n_rows);
}

static void run_vad(am_vad *vad, am_team *team, const recording *r, float *probabilities) {
    size_t n_new = 0;
    for (size_t at = 0; at < r->n; at += VAD_PUSH) {
        const size_t n = r->n - at < VAD_PUSH ? r->n - at : VAD_PUSH;
        am__vad_push(vad, team, r->samples + at, n, probabilities, &n_new);
    }
    am__vad_reset(vad);
}

static void bench_audio(const char *path, recording *r) {
    double best = INFINITY;
    for (int i = 0; i < ROUNDS; i++) {
        const double start = am__now();
        read_all(path, r);
        best = fmin(best, am__now() - start);
    }
    printf("audio: %.1f s decoded in %.1f ms, %.0f x real time\n", r->seconds, 1e3 * best,
           r->seconds / best);
}

static void bench_mel(const am_kernels *kernels, const recording *r) {
    am_mel_stream *mel = NULL;
    am_error error;
    float *rows = memory(AM_MEL_ROWS_MAX * 80 * sizeof *rows);
    float *window = memory(AM_MEL_ROWS_MAX * 80 * sizeof *window);
    double best = INFINITY;
    must(am__mel_stream_new(80, kernels, &mel, &error), &error);
    for (int i = 0; i < ROUNDS; i++) {
        const double start = am__now();
        run_mel(mel, r, rows, window);
        best = fmin(best, am__now() - start);
    }
    printf("mel: %.2f ms per window of 30 s, %.0f x real time (%s)\n",
           1e3 * best * WINDOW_S / r->seconds, r->seconds / best, kernels->isa);
    am__mel_stream_free(&mel);
    free(window);
    free(rows);
}

static void bench_vad(const am_kernels *kernels, const char *weights, const recording *r,
                      int n_threads) {
    am_vad_model *model = NULL;
    am_vad *vad = NULL;
    am_team *team = NULL;
    am_error error;
    float *probabilities = memory((VAD_PUSH / AM_VAD_CHUNK + 2) * sizeof *probabilities);
    double best = INFINITY;
    must(am__vad_model_open(weights, kernels, &model, &error), &error);
    must(am__vad_new(model, &vad, &error), &error);
    must(am__team_new(n_threads, &team, &error), &error);
    for (int i = 0; i < ROUNDS; i++) {
        const double start = am__now();
        run_vad(vad, team, r, probabilities);
        best = fmin(best, am__now() - start);
    }
    printf("speech detection, %d threads: %.1f ms, %.0f x real time (%s)\n", n_threads, 1e3 * best,
           r->seconds / best, kernels->isa);
    am__team_free(&team);
    am__vad_free(&vad);
    am__vad_model_close(&model);
    free(probabilities);
}

int main(int argc, char **argv) {
    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: front_end FILE SILERO.bin [THREADS]\n");
        return EXIT_FAILURE;
    }
    const int n_threads = argc == 4 ? (int)strtol(argv[3], NULL, 10) : 2;
    recording r = {.samples = memory(SAMPLES_MAX * sizeof *r.samples)};
    bench_audio(argv[1], &r);
    bench_mel(am__kernels(), &r);
    bench_vad(am__kernels(), argv[2], &r, 1);
    bench_vad(am__kernels(), argv[2], &r, n_threads);
    free(r.samples);
    return EXIT_SUCCESS;
}
