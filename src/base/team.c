/*
 * Thread team: see team.h.
 *
 * A loop is published as one 64-bit word {generation: 32, next part: 32}: claiming a part is a
 * compare-and-swap on it, so a thread that slept through a loop can never claim a part of the
 * next one with the old loop's function. The job's fields are written before the word (release)
 * and read after it (acquire); a claim that succeeds proves they belong to that generation.
 */
#include "base/team.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/mem.h"

/* About 50 µs of polling: longer than the gaps between the loops of one decoder step. */
#define SPINS_BEFORE_SLEEP 20000
#define SPINS_BEFORE_YIELD 2000

struct am_team {
    int n_threads;       /* the caller included */
    int n_started;       /* threads to join */
    pthread_t *threads;  /* [n_threads - 1] */
    pthread_mutex_t lock; /* guards sleeping and waking only */
    pthread_cond_t wake;
    atomic_int n_sleeping;
    atomic_bool stop;
    _Atomic uint64_t ticket;   /* generation << 32 | next part */
    atomic_size_t n_unfinished; /* parts not yet done in this generation */
    _Atomic(am_team_fn *) fn;
    _Atomic(void *) context;
    atomic_size_t n_parts;
};

static void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Claims and runs parts of the current loop until none is left. */
static void work(am_team *team) {
    uint64_t ticket = atomic_load_explicit(&team->ticket, memory_order_acquire);
    for (;;) {
        am_team_fn *fn = atomic_load_explicit(&team->fn, memory_order_relaxed);
        void *context = atomic_load_explicit(&team->context, memory_order_relaxed);
        const size_t n_parts = atomic_load_explicit(&team->n_parts, memory_order_relaxed);
        const size_t part = (size_t)(ticket & 0xffffffffu);
        if (part >= n_parts) return;
        if (!atomic_compare_exchange_weak_explicit(&team->ticket, &ticket, ticket + 1,
                                                   memory_order_acq_rel, memory_order_acquire)) {
            continue;
        }
        fn(context, part, n_parts);
        atomic_fetch_sub_explicit(&team->n_unfinished, 1, memory_order_acq_rel);
        ticket = atomic_load_explicit(&team->ticket, memory_order_acquire);
    }
}

/* Waits for a generation other than `seen`; returns false when the team stops. */
static bool await_loop(am_team *team, uint32_t *seen) {
    for (int spin = 0;; spin++) {
        const uint32_t now =
            (uint32_t)(atomic_load_explicit(&team->ticket, memory_order_acquire) >> 32);
        if (atomic_load_explicit(&team->stop, memory_order_acquire)) return false;
        if (now != *seen) {
            *seen = now;
            return true;
        }
        if (spin < SPINS_BEFORE_SLEEP) {
            pause_briefly();
            continue;
        }
        pthread_mutex_lock(&team->lock);
        atomic_fetch_add(&team->n_sleeping, 1);
        while ((uint32_t)(atomic_load(&team->ticket) >> 32) == *seen && !atomic_load(&team->stop)) {
            pthread_cond_wait(&team->wake, &team->lock);
        }
        atomic_fetch_sub(&team->n_sleeping, 1);
        pthread_mutex_unlock(&team->lock);
        spin = 0;
    }
}

static void *member(void *argument) {
    am_team *team = argument;
    uint32_t seen = 0;
    while (await_loop(team, &seen)) work(team);
    return NULL;
}

static void wake_sleepers(am_team *team) {
    if (atomic_load(&team->n_sleeping) == 0) return;
    pthread_mutex_lock(&team->lock);
    pthread_cond_broadcast(&team->wake);
    pthread_mutex_unlock(&team->lock);
}

void am__team_run(am_team *team, size_t n_parts, am_team_fn *fn, void *context) {
    if (team->n_threads == 1 || n_parts <= 1) {
        for (size_t part = 0; part < n_parts; part++) fn(context, part, n_parts);
        return;
    }
    const uint64_t generation = (atomic_load(&team->ticket) >> 32) + 1;
    /* First close the old loop for late readers: with part number at its maximum, a thread that
     * reads the fields while they change cannot claim anything. */
    atomic_store(&team->ticket, ((generation - 1) << 32) | 0xffffffffu);
    atomic_store(&team->fn, fn);
    atomic_store(&team->context, context);
    atomic_store(&team->n_parts, n_parts);
    atomic_store(&team->n_unfinished, n_parts);
    atomic_store(&team->ticket, (generation & 0xffffffffu) << 32);
    wake_sleepers(team);
    work(team);
    for (int spin = 0; atomic_load_explicit(&team->n_unfinished, memory_order_acquire) != 0;
         spin++) {
        /* On a crowded machine the member may wait for this very core. */
        if (spin < SPINS_BEFORE_YIELD) {
            pause_briefly();
        } else {
            sched_yield();
        }
    }
}

int am__team_size(const am_team *team) {
    return team->n_threads;
}

am_status am__team_new(int n_threads, am_team **team, am_error *error) {
    if (n_threads < 1) AM_FAIL(error, AM_E_ARG, "a team of %d threads", n_threads);
    am_team *fresh = NULL;
    AM_TRY(AM_NEW(&fresh, 1, error));
    fresh->n_threads = n_threads;
    am_status status = AM_NEW(&fresh->threads, (size_t)n_threads - 1, error);
    if (status != AM_OK) {
        am__free(fresh);
        return status;
    }
    pthread_mutex_init(&fresh->lock, NULL);
    pthread_cond_init(&fresh->wake, NULL);
    for (int i = 0; i < n_threads - 1; i++) {
        const int code = pthread_create(&fresh->threads[i], NULL, member, fresh);
        if (code != 0) {
            am__team_free(&fresh);
            AM_FAIL(error, AM_E_SYSTEM, "cannot start thread %d of %d (error %d)", i + 2, n_threads,
                    code);
        }
        fresh->n_started++;
    }
    *team = fresh;
    return AM_OK;
}

void am__team_free(am_team **team) {
    am_team *old = *team;
    if (old == NULL) return;
    pthread_mutex_lock(&old->lock);
    atomic_store(&old->stop, true);
    pthread_cond_broadcast(&old->wake);
    pthread_mutex_unlock(&old->lock);
    for (int i = 0; i < old->n_started; i++) pthread_join(old->threads[i], NULL);
    pthread_cond_destroy(&old->wake);
    pthread_mutex_destroy(&old->lock);
    am__free(old->threads);
    am__free(old);
    *team = NULL;
}
