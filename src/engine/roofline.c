/*
 * The limits of this machine, measured: what the CPU multiplies and what memory delivers, on one
 * thread and on a team. The best of many short runs counts, because other work on the machine can
 * only slow a run down.
 */
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/team.h"
#include "engine/engine.h"

#define ROUNDS 25
#define STEPS 1500000                     /* 5 ms: much longer than a thread takes to wake up */
#define BUFFER_LEAST ((size_t)256 << 20)  /* read per round, and the most: */
#define BUFFER_MOST ((size_t)512 << 20)
#define CACHES 8                          /* the buffer in last-level caches */

typedef struct run {
    const am_kernels *kernels;
    am_peak_fn *loop;     /* NULL: reads */
    const char *buffer;
    size_t n_bytes;
    double operations[AM_THREADS_MAX]; /* or bytes, by part */
    uint32_t sums[AM_THREADS_MAX];
} run;

static void run_part(void *context, size_t part, size_t n_parts) {
    run *job = context;
    if (job->loop != NULL) {
        job->operations[part] = job->loop(STEPS);
        return;
    }
    const size_t n = job->n_bytes / n_parts / AM_PEAK_READ * AM_PEAK_READ;
    job->sums[part] = job->kernels->peak.read(job->buffer + part * n, n);
    job->operations[part] = (double)n;
}

/* The best rate in 1e9 per second. */
static double measure(am_team *team, run *job) {
    const size_t n_parts = (size_t)am__team_size(team);
    double best = 0;
    for (int round = 0; round < ROUNDS; round++) {
        double sum = 0;
        const double start = am__now();
        am__team_run(team, n_parts, run_part, job);
        const double seconds = am__now() - start;
        for (size_t i = 0; i < n_parts; i++) sum += job->operations[i];
        if (sum / seconds * 1e-9 > best) best = sum / seconds * 1e-9;
    }
    return best;
}

static am_peaks measure_all(am_team *team, run *job) {
    am_peaks peaks;
    job->loop = job->kernels->peak.s8;
    peaks.s8_gops = measure(team, job);
    job->loop = job->kernels->peak.f32;
    peaks.f32_gflops = measure(team, job);
    job->loop = NULL;
    peaks.read_gb_s = measure(team, job);
    return peaks;
}

static size_t buffer_size(void) {
    size_t n = 0;
#if defined(_SC_LEVEL3_CACHE_SIZE)
    const long cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
    n = cache > 0 ? CACHES * (size_t)cache : 0;
#endif
    return n < BUFFER_LEAST ? BUFFER_LEAST : n > BUFFER_MOST ? BUFFER_MOST : n;
}

am_status am_roofline_measure(int n_threads, am_roofline *roofline, am_error *error) {
    am_team *one = NULL, *all = NULL;
    run *job = NULL;
    char *buffer = NULL;
    am_status status = AM_OK;
    AM_TRY(am__choose_threads(n_threads, &n_threads, error));
    AM_TRY_DONE(AM_NEW(&job, 1, error));
    job->kernels = am__kernels();
    job->n_bytes = buffer_size();
    AM_TRY_DONE(AM_NEW_RAW(&buffer, job->n_bytes, error));
    memset(buffer, 1, job->n_bytes); /* else every page is the same page of zeros */
    job->buffer = buffer;
    AM_TRY_DONE(am__team_new(1, &one, error));
    AM_TRY_DONE(am__team_new(n_threads, &all, error));
    *roofline = (am_roofline){
        .isa = job->kernels->isa,
        .n_threads = n_threads,
        .one = measure_all(one, job),
        .all = measure_all(all, job),
    };
done:
    am__team_free(&all);
    am__team_free(&one);
    am__free(buffer);
    am__free(job);
    return status;
}
