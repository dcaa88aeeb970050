/*
 * The encoder alone: how near its 8-bit layers come to the f32 ones on real speech, and how fast
 * they are.
 *
 *     build/bench/bench_encoder [--threads N] [--ctx N] [--repeat N] [--int8 1] MODEL [FILE ...]
 *
 * For the first 30 s of each FILE: correlation of the 8-bit hidden states with the f32 ones, and
 * of the 8-bit attention alone (the worst layer) on the f32 layers' queries, keys and values. Then
 * the time of one window, in turns with f32 (--int8 1: alone, for models of which both would not
 * fit), and that of its 8-bit matrix products alone, beside this machine's peak in the same run.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "doubles.h"
#include "encoder/encoder.h"
#include "nn/attention_full_s8.h"
#include "segments/frames.h"

#define FILES_MAX 1024
#define REPEAT_MAX 99

typedef struct bench {
    am_exec exec;
    am_model *model;
    am_encoder *encoders[2]; /* f32, int8 */
    am_encoder_space *spaces[2];
    am_attention_space attention;
    am_attention_full_s8 attention_full_s8;
    float *qkv, *mixed[2], *states;
    size_t n_ctx, d_model;
    double worst_attention;
    int first; /* of the encoders: 1 when f32 is left out */
} bench;

static void require(am_status status, const am_error *error) {
    if (status == AM_OK) return;
    fprintf(stderr, "bench_encoder: %s\n", error->detail);
    exit(EXIT_FAILURE);
}

static double correlation(const float *a, const float *b, size_t n) {
    double sa = 0, sb = 0, saa = 0, sbb = 0, sab = 0;
    for (size_t i = 0; i < n; i++) {
        const double x = (double)a[i];
        const double y = (double)b[i];
        sa += x, sb += y, saa += x * x, sbb += y * y, sab += x * y;
    }
    const double m = (double)n;
    return (sab - sa * sb / m) / sqrt((saa - sa * sa / m) * (sbb - sb * sb / m));
}

/* Both attentions on what the f32 layer is about to attend with. */
static void compare_attention(void *context, const float *qkv, size_t n_ctx) {
    bench *b = context;
    memcpy(b->qkv, qkv, n_ctx * 3 * b->d_model * sizeof *qkv);
    am__attention_full_s8(&b->attention_full_s8, &b->exec, b->qkv, n_ctx, b->mixed[1]);
    am__attention_full(&b->attention, &b->exec, b->qkv, n_ctx, b->mixed[0]);
    const double r = correlation(b->mixed[0], b->mixed[1], n_ctx * b->d_model);
    if (r < b->worst_attention) b->worst_attention = r;
}

static void set_up(bench *b, const char *path, int n_threads) {
    am_error error;
    b->exec.kernels = am__kernels();
    require(am__model_open(path, &b->model, &error), &error);
    require(am__team_new(n_threads, &b->exec.team, &error), &error);
    const am_dims *dims = am__model_dims(b->model);
    const size_t n_ctx = (size_t)dims->n_audio_ctx;
    b->d_model = (size_t)dims->d_model;
    size_t n_workspace = 0;
    for (int i = b->first; i < 2; i++) {
        const am_compute_type type = i == 0 ? AM_COMPUTE_F32 : AM_COMPUTE_INT8;
        require(am__encoder_new(b->model, type, b->exec.kernels, &b->encoders[i], &error), &error);
        const size_t n = am__encoder_workspace(b->encoders[i], &b->exec);
        n_workspace = n > n_workspace ? n : n_workspace;
        require(AM_NEW(&b->mixed[i], n_ctx * b->d_model, &error), &error);
    }
    require(am__alloc(n_workspace, 1, &b->exec.workspace, &error), &error);
    for (int i = b->first; i < 2; i++) {
        require(am__encoder_space_new(b->encoders[i], &b->exec, &b->spaces[i], &error), &error);
    }
    require(am__attention_space_init(&b->attention, &b->exec, n_ctx, b->d_model, &error), &error);
    require(am__attention_full_s8_init(&b->attention_full_s8, &b->exec, n_ctx, b->d_model, &error),
            &error);
    require(AM_NEW(&b->qkv, n_ctx * 3 * b->d_model, &error), &error);
    require(AM_NEW(&b->states, n_ctx * b->d_model, &error), &error);
}

static void tear_down(bench *b) {
    for (int i = 0; i < 2; i++) {
        am__encoder_space_free(&b->spaces[i]);
        am__encoder_free(&b->encoders[i]);
        am__free(b->mixed[i]);
    }
    am__attention_space_free(&b->attention);
    am__attention_full_s8_free(&b->attention_full_s8);
    am__free(b->qkv);
    am__free(b->states);
    am__free(b->exec.workspace);
    am__team_free(&b->exec.team);
    am__model_close(&b->model);
}

/* Frames of the first window into both encoders' inputs; false when the file holds no audio. */
static bool load_window(bench *b, const char *path) {
    am_error error;
    am_audio *audio = NULL;
    am_frames *frames = NULL;
    size_t n_frames = 0;
    const am_dims *dims = am__model_dims(b->model);
    if (am_audio_open_file(path, NULL, &audio, &error) != AM_OK) return false;
    require(am__frames_new(audio, dims->n_mels, b->exec.kernels, &frames, &error), &error);
    require(am__frames_seek(frames, 0, &n_frames, &error), &error);
    for (int i = 0; i < 2; i++) {
        float *input = am__encoder_input(b->spaces[i], b->encoders[i]);
        am__frames_copy(frames, 0, 2 * b->n_ctx, input); /* silence behind the end */
    }
    am__frames_free(&frames);
    am_audio_close(&audio);
    return n_frames > 0;
}

static const float *encode(bench *b, int which) {
    return am__encoder_run(b->encoders[which], &b->exec, b->spaces[which], b->n_ctx);
}

static void compare(bench *b, char **files, int n_files) {
    static double states[FILES_MAX];
    static double attention[FILES_MAX];
    size_t n = 0;
    const size_t n_values = b->n_ctx * b->d_model;
    am__encoder_probe(b->spaces[0], compare_attention, b);
    for (int i = 0; i < n_files && n < FILES_MAX; i++) {
        if (!load_window(b, files[i])) continue;
        b->worst_attention = 1;
        memcpy(b->states, encode(b, 0), n_values * sizeof *b->states);
        states[n] = correlation(b->states, encode(b, 1), n_values);
        attention[n] = b->worst_attention;
        printf("%.6f  attention %.6f  %s\n", states[n], attention[n], files[i]);
        n++;
    }
    am__encoder_probe(b->spaces[0], NULL, NULL);
    if (n == 0) return;
    sort_doubles(states, n);
    sort_doubles(attention, n);
    printf("%zu files: correlation of 8-bit states with f32: median %.6f, worst %.6f; of the "
           "attention alone: median %.6f, worst %.6f\n",
           n, states[n / 2], states[0], attention[n / 2], attention[0]);
}

/* Operations of one window: linear layers, attention, convolutions. */
static double operations(const am_dims *dims, double n) {
    const double d = dims->d_model;
    const double layer = 2 * n * d * (4 * d + 2 * (double)dims->d_ff) + 4 * n * n * d;
    return dims->n_encoder_layers * layer + 2 * 2 * n * 3 * dims->n_mels * d + 2 * n * 3 * d * d;
}

static void measure(bench *b, int n_repeat) {
    static const char *const names[] = {"f32", "int8"};
    static double seconds[2][REPEAT_MAX];
    for (int r = 0; r < n_repeat; r++) {
        for (int i = b->first; i < 2; i++) {
            const double start = am__now();
            (void)encode(b, i);
            seconds[i][r] = am__now() - start;
        }
    }
    for (int i = b->first; i < 2; i++) {
        sort_doubles(seconds[i], (size_t)n_repeat);
        const double s = seconds[i][n_repeat / 2];
        printf("%s (%s, %d threads): %zu positions in %.1f ms (least %.1f), %.0f GOPS\n", names[i],
               b->exec.kernels->isa, am__team_size(b->exec.team), b->n_ctx, 1e3 * s,
               1e3 * seconds[i][0],
               operations(am__model_dims(b->model), (double)b->n_ctx) / s * 1e-9);
    }
}

/* ---- Products alone ------------------------------------------------------------------------ */

#define PRODUCTS 4 /* of a layer: queries, keys and values; output; the MLP's two */

static void fill(float *x, size_t n, uint64_t seed) {
    am_rng rng;
    am__rng_seed(&rng, seed);
    for (size_t i = 0; i < n; i++) x[i] = (float)am__rng_uniform(&rng) * 2 - 1;
}

/* Layers of the model's shape, each with weights of its own, as they come from memory. */
static am_linear_s8 *make_products(const bench *b, size_t n_layers, size_t d, size_t d_ff) {
    const size_t sizes[PRODUCTS][2] = {{3 * d, d}, {d, d}, {d_ff, d}, {d, d_ff}};
    am_linear_s8 *products = NULL;
    float *weights = NULL;
    am_error error;
    require(AM_NEW(&products, n_layers * PRODUCTS, &error), &error);
    require(AM_NEW(&weights, d_ff * d, &error), &error);
    fill(weights, d_ff * d, 1);
    for (size_t i = 0; i < n_layers * PRODUCTS; i++) {
        const am_tensor weight = {.data = weights, .dtype = AM_DTYPE_F32,
                                  .n_rows = sizes[i % PRODUCTS][0],
                                  .n_cols = sizes[i % PRODUCTS][1]};
        const am_linear_part part = {&weight, NULL};
        require(am__linear_s8_init(&products[i], b->exec.kernels, &part, 1, AM_WEIGHT_PLAIN, false,
                                   &error), &error);
    }
    am__free(weights);
    return products;
}

static void measure_products(bench *b, int n_repeat) {
    static double seconds[REPEAT_MAX];
    const am_dims *dims = am__model_dims(b->model);
    const size_t d = (size_t)dims->d_model;
    const size_t d_ff = (size_t)dims->d_ff;
    const size_t n = (size_t)dims->n_encoder_layers * PRODUCTS;
    am_linear_s8 *products = make_products(b, (size_t)dims->n_encoder_layers, d, d_ff);
    float *x = NULL;
    float *y = NULL;
    void *workspace = NULL;
    size_t n_workspace = 0;
    am_error error;
    am_roofline peak;
    for (size_t i = 0; i < n; i++) {
        const size_t n_bytes = am__linear_s8_workspace(&products[i], &b->exec);
        n_workspace = n_bytes > n_workspace ? n_bytes : n_workspace;
    }
    require(AM_NEW(&x, b->n_ctx * d_ff, &error), &error);
    require(AM_NEW(&y, b->n_ctx * d_ff, &error), &error);
    require(am__alloc(n_workspace, 1, &workspace, &error), &error);
    fill(x, b->n_ctx * d_ff, 2);
    for (int r = 0; r < n_repeat; r++) {
        const double start = am__now();
        for (size_t i = 0; i < n; i++) {
            am__linear_s8_run(&products[i], &b->exec, x, products[i].n_in, b->n_ctx, y,
                              products[i].n_out, AM_EPILOGUE_NONE, workspace);
        }
        seconds[r] = am__now() - start;
    }
    require(am_roofline_measure(am__team_size(b->exec.team), &peak, &error), &error);
    sort_doubles(seconds, (size_t)n_repeat);
    const double layer = 2.0 * (double)b->n_ctx * (double)d * (double)(4 * d + 2 * d_ff);
    const double gops = (double)dims->n_encoder_layers * layer / seconds[n_repeat / 2] * 1e-9;
    printf("products of its layers alone, rows quantised: %.1f ms, %.0f GOPS, %.0f %% of the "
           "measured %.0f\n", 1e3 * seconds[n_repeat / 2], gops, 100 * gops / peak.all.s8_gops,
           peak.all.s8_gops);
    for (size_t i = 0; i < n; i++) am__linear_s8_free(&products[i]);
    am__free(products);
    am__free(x);
    am__free(y);
    am__free(workspace);
}

int main(int argc, char **argv) {
    static bench b;
    int n_threads = 2;
    int n_repeat = 9;
    size_t n_ctx = 0;
    int at = 1;
    for (; at + 1 < argc && strncmp(argv[at], "--", 2) == 0; at += 2) {
        const long value = strtol(argv[at + 1], NULL, 10);
        if (value < 1) break;
        if (strcmp(argv[at], "--threads") == 0) n_threads = (int)value;
        if (strcmp(argv[at], "--ctx") == 0) n_ctx = (size_t)value;
        if (strcmp(argv[at], "--int8") == 0) b.first = 1;
        const long most = value < REPEAT_MAX ? value : REPEAT_MAX;
        if (strcmp(argv[at], "--repeat") == 0) n_repeat = (int)most;
    }
    if (at >= argc || argv[at][0] == '-') {
        fputs("usage: bench_encoder [--threads N] [--ctx N] [--repeat N] [--int8 1] MODEL "
              "[FILE ...]\n", stderr);
        return 2;
    }
    set_up(&b, argv[at], n_threads);
    const size_t n_ctx_max = (size_t)am__model_dims(b.model)->n_audio_ctx;
    b.n_ctx = n_ctx == 0 || n_ctx > n_ctx_max ? n_ctx_max : n_ctx;
    if (b.first == 0) compare(&b, argv + at + 1, argc - at - 1);
    measure(&b, n_repeat);
    measure_products(&b, n_repeat);
    tear_down(&b);
    return 0;
}
