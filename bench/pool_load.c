/*
 * What a pool costs and gives.
 *
 *     pool_load MODEL throughput THREADS FILE...   all files through a pool, from so many threads
 *                                                  at once, beside the files joined in a session
 *     pool_load MODEL latency LONG SHORT           how long a short file takes alone, and while a
 *                                                  long one is under way
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "amanuensis.h"
#include "base/clock.h"
#include "doubles.h"

#define N_ROUNDS 5
#define N_SHORT 12 /* beside one long file */
#define FILES_MAX 256

typedef struct clip {
    float *samples;
    size_t n;
} clip;

static void must(am_status status, const am_error *error) {
    if (status == AM_OK || status == AM_E_CANCELLED) return;
    fprintf(stderr, "pool_load: %s: %s\n", am_status_name(status), error->detail);
    exit(1);
}

static clip read_clip(const char *path) {
    clip c = {NULL, 0};
    size_t capacity = 0, n_read = 1;
    am_audio *audio = NULL;
    am_error error;
    must(am_audio_open_file(path, NULL, &audio, &error), &error);
    while (n_read > 0) {
        if (capacity - c.n < 65536) {
            capacity = 2 * capacity + 65536;
            c.samples = realloc(c.samples, capacity * sizeof *c.samples);
            if (c.samples == NULL) exit(1);
        }
        must(am_audio_read(audio, c.samples + c.n, capacity - c.n, &n_read, &error), &error);
        c.n += n_read;
    }
    am_audio_close(&audio);
    return c;
}

static double in_pool(am_pool *pool, const clip *c, const am_callbacks *callbacks) {
    am_audio *audio = NULL;
    am_result *result = NULL;
    am_error error;
    const double start = am__now();
    must(am_audio_open_pcm(c->samples, c->n, &audio, &error), &error);
    must(am_pool_transcribe(pool, audio, NULL, callbacks, &result, &error), &error);
    am_result_free(&result);
    am_audio_close(&audio);
    return am__now() - start;
}

static double in_session(am_session *session, const clip *c) {
    am_audio *audio = NULL;
    am_result *result = NULL;
    am_error error;
    const double start = am__now();
    must(am_audio_open_pcm(c->samples, c->n, &audio, &error), &error);
    must(am_transcribe(session, audio, NULL, NULL, &result, &error), &error);
    am_result_free(&result);
    am_audio_close(&audio);
    return am__now() - start;
}

/* ---- Throughput ---------------------------------------------------------------------------- */

typedef struct load {
    am_pool *pool;
    const clip *clips;
    size_t n;
    atomic_size_t next;
} load;

static void *work(void *argument) {
    load *l = argument;
    for (;;) {
        const size_t i = atomic_fetch_add(&l->next, 1);
        if (i >= l->n) return NULL;
        in_pool(l->pool, &l->clips[i], NULL);
    }
}

static void throughput(am_engine *engine, am_pool *pool, int n_threads, char **paths, int n) {
    static clip clips[FILES_MAX];
    pthread_t threads[FILES_MAX];
    am_session *session = NULL;
    am_error error;
    clip all = {NULL, 0};
    for (int i = 0; i < n; i++) {
        clips[i] = read_clip(paths[i]);
        all.n += clips[i].n;
    }
    all.samples = malloc(all.n * sizeof *all.samples);
    if (all.samples == NULL) exit(1);
    for (size_t i = 0, at = 0; i < (size_t)n; at += clips[i++].n) {
        memcpy(all.samples + at, clips[i].samples, clips[i].n * sizeof *all.samples);
    }
    must(am_session_new(engine, &session, &error), &error);
    for (int round = 0; round < N_ROUNDS; round++) {
        load l = {.pool = pool, .clips = clips, .n = (size_t)n};
        const double start = am__now();
        for (int i = 0; i < n_threads; i++) pthread_create(&threads[i], NULL, work, &l);
        for (int i = 0; i < n_threads; i++) pthread_join(threads[i], NULL);
        const double pooled = am__now() - start;
        const double joined = in_session(session, &all);
        printf("%d clips, %.0f s: pool %.2f s, joined %.2f s, ratio of throughput %.2f\n",
               n, (double)all.n / AM_SAMPLE_RATE, pooled, joined, joined / pooled);
    }
    am_session_free(&session);
    for (int i = 0; i < n; i++) free(clips[i].samples);
    free(all.samples);
}

/* ---- Latency ------------------------------------------------------------------------------- */

typedef struct background {
    am_pool *pool;
    clip recording;
    atomic_bool stop;
    double seconds;
} background;

static bool is_stopped(void *user) {
    return atomic_load(&((background *)user)->stop);
}

static void *transcribe_long(void *argument) {
    background *b = argument;
    const am_callbacks callbacks = {NULL, NULL, is_stopped, b};
    while (!atomic_load(&b->stop)) b->seconds = in_pool(b->pool, &b->recording, &callbacks);
    return NULL;
}

static void measure(am_pool *pool, const clip *c, const char *name) {
    double seconds[N_SHORT];
    for (int i = 0; i < N_SHORT; i++) {
        nanosleep(&(struct timespec){0, 130000000L + i * 10000000L}, NULL);
        seconds[i] = in_pool(pool, c, NULL);
    }
    sort_doubles(seconds, N_SHORT);
    printf("%s: median %.0f ms, most %.0f ms\n", name, 1e3 * seconds[N_SHORT / 2],
           1e3 * seconds[N_SHORT - 1]);
}

static void latency(am_pool *pool, const char *long_path, const char *short_path) {
    background b = {.pool = pool, .recording = read_clip(long_path)};
    const clip c = read_clip(short_path);
    pthread_t thread;
    measure(pool, &c, "alone");
    pthread_create(&thread, NULL, transcribe_long, &b);
    measure(pool, &c, "beside the long file");
    atomic_store(&b.stop, true);
    pthread_join(thread, NULL);
    measure(pool, &c, "alone");
    free(b.recording.samples);
    free(c.samples);
}

int main(int argc, char **argv) {
    am_engine *engine = NULL;
    am_pool *pool = NULL;
    am_error error;
    if (argc < 5 || argc > FILES_MAX) {
        fprintf(stderr, "usage: pool_load MODEL throughput THREADS FILE... | latency LONG SHORT\n");
        return 2;
    }
    must(am_engine_open(argv[1], NULL, &engine, &error), &error);
    must(am_pool_new(engine, NULL, &pool, &error), &error);
    if (strcmp(argv[2], "latency") == 0) {
        latency(pool, argv[3], argv[4]);
    } else {
        const int n_threads = (int)strtol(argv[3], NULL, 10);
        if (n_threads < 1 || n_threads > FILES_MAX) return 2;
        throughput(engine, pool, n_threads, argv + 4, argc - 4);
    }
    am_pool_free(&pool);
    am_engine_close(&engine);
    return 0;
}
