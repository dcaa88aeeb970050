/*
 * Probabilities of speech against silero-vad's on real recordings, decoded by us, and the time
 * they take. Two columns of the fixture, two bounds: silero-vad on the weights of our file, which
 * holds the convolutions rounded to f16, differs by arithmetic only; silero-vad as published
 * differs by that rounding too, which in itself moves a probability by up to 1.4e-3.
 * The reference kernels run every clip once; --every-cut cuts it for them too, which takes long.
 * Fixture: tools/gen_vad_fixture.py. Run in the source's root.
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "amanuensis.h"
#include "base/rng.h"
#include "speech/vad.h"
#include "support/shared.h"

#define N_SAMPLES_MAX (40 * 16000)
#define N_CHUNKS_MAX (N_SAMPLES_MAX / AM_VAD_CHUNK + 1)
#define BOUND_SAME_WEIGHTS 2e-4
#define BOUND_PUBLISHED 2e-3

static float samples[N_SAMPLES_MAX];
static float whole[N_CHUNKS_MAX], pieces[N_CHUNKS_MAX];

static void must(am_status status, const am_error *error) {
    if (status != AM_OK) {
        fprintf(stderr, "%s\n", error->detail);
        exit(EXIT_FAILURE);
    }
}

/* 0 when the clip is absent. */
static size_t load(const char *clip) {
    const char *path = shared_path(clip);
    am_audio *audio = NULL;
    am_error error;
    if (path == NULL) return 0;
    must(am_audio_open_file(path, NULL, &audio, &error), &error);
    size_t n_all = 0, n = 1;
    while (n > 0 && n_all < N_SAMPLES_MAX) {
        must(am_audio_read(audio, samples + n_all, N_SAMPLES_MAX - n_all, &n, &error), &error);
        n_all += n;
    }
    am_audio_close(&audio);
    return n_all;
}

/* Pushes of 1 … piece_max samples; returns the number of probabilities. */
static size_t run(am_vad *vad, am_team *team, size_t n, size_t piece_max, am_rng *rng,
                  float *out) {
    size_t n_out = 0, n_new = 0;
    for (size_t done = 0; done < n;) {
        size_t piece = rng == NULL ? piece_max : 1 + (size_t)am__rng_below(rng, piece_max);
        if (piece > n - done) piece = n - done;
        am__vad_push(vad, team, samples + done, piece, out + n_out, &n_new);
        n_out += n_new;
        done += piece;
    }
    if (am__vad_finish(vad, out + n_out)) n_out++;
    return n_out;
}

static bool cuts_do_not_matter(am_vad *vad, am_team *team, size_t n, size_t n_chunks) {
    am_rng rng;
    am__rng_seed(&rng, 5);
    static const size_t sizes[] = {511, 1600, 30000, 200000};
    for (size_t i = 0; i < 8; i++) {
        const size_t size = sizes[i % 4];
        if (run(vad, i < 4 ? NULL : team, n, size, &rng, pieces) != n_chunks ||
            memcmp(whole, pieces, n_chunks * sizeof *whole) != 0) {
            fprintf(stderr, "pushes of up to %zu samples give other probabilities\n", size);
            return false;
        }
    }
    return true;
}

static double cpu_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void print_speed(am_vad *vad, const char *isa, size_t n) {
    double best = INFINITY;
    for (int i = 0; i < 3; i++) {
        const double start = cpu_seconds();
        run(vad, NULL, n, n, NULL, pieces);
        best = fmin(best, cpu_seconds() - start);
    }
    const double seconds = (double)n / 16000;
    printf("%.1f s of audio, kernels %s, one thread: %.2f ms, %.0f x real time\n", seconds, isa,
           1e3 * best, seconds / best);
}

/* Compares with the clip's lines of the fixture, at whose first one the file stands; with
 * `cuts` also every way of cutting the clip. */
static bool check_clip(am_vad *vad, am_team *team, const char *isa, bool cuts, FILE *table,
                       char *line, size_t size) {
    char clip[200], name[200];
    size_t index, n_lines = 0;
    double same, published, worst_same = 0, worst_published = 0;
    if (sscanf(line, "%199s", clip) != 1) return false;
    const size_t n = load(clip);
    const size_t n_chunks = run(vad, NULL, n, n, NULL, whole);
    do {
        if (sscanf(line, "%199s %zu %lf %lf", name, &index, &same, &published) != 4) return false;
        if (strcmp(name, clip) != 0) break;
        if (n > 0 && index + 1 < n_chunks) { /* the fixture's last chunk may be cut short */
            worst_same = fmax(worst_same, fabs(same - (double)whole[index]));
            worst_published = fmax(worst_published, fabs(published - (double)whole[index]));
        }
        n_lines++;
        line[0] = '\0';
    } while (fgets(line, (int)size, table) != NULL);
    if (n == 0) return true;
    printf("%s, kernels %s: %zu chunks, max |delta| %.1e on the same weights, %.1e on the "
           "published\n", clip, isa, n_lines, worst_same, worst_published);
    const bool good = n_lines > 100 && n_chunks + 1 >= n_lines &&
                      worst_same <= BOUND_SAME_WEIGHTS && worst_published <= BOUND_PUBLISHED &&
                      (!cuts || cuts_do_not_matter(vad, team, n, n_chunks));
    if (cuts && n > 25 * 16000) print_speed(vad, isa, n);
    return good;
}

static bool check_all(const am_kernels *kernels, bool cuts, const char *weights) {
    am_error error;
    am_vad_model *model = NULL;
    am_vad *vad = NULL;
    am_team *team = NULL;
    char line[500];
    bool good = true;
    must(am__vad_model_open(weights, kernels, &model, &error), &error);
    must(am__vad_new(model, &vad, &error), &error);
    must(am__team_new(2, &team, &error), &error);
    FILE *table = fopen("tests/data/vad_probabilities.tsv", "r");
    if (table == NULL || fgets(line, sizeof line, table) == NULL) {
        fprintf(stderr, "tests/data/vad_probabilities.tsv: cannot be read\n");
        exit(EXIT_FAILURE);
    }
    while (line[0] != '\0') {
        good &= check_clip(vad, team, kernels->isa, cuts, table, line, sizeof line);
    }
    fclose(table);
    am__team_free(&team);
    am__vad_free(&vad);
    am__vad_model_close(&model);
    return good;
}

int main(int argc, char **argv) {
    const bool every_cut = argc > 1 && strcmp(argv[1], "--every-cut") == 0;
    const char *path = shared_path("models/ggml-silero-v6.2.0.bin");
    if (path == NULL) return 77;
    char weights[4096];
    snprintf(weights, sizeof weights, "%s", path);
    bool good = check_all(am__kernels(), true, weights);
    if (am__kernels() != &am__kernels_ref) good &= check_all(&am__kernels_ref, every_cut, weights);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
