/*
 * Token buckets: see limiter.h. The table is a cache of N_SETS sets of N_WAYS: a name that finds
 * its set full takes the place of the bucket with the most tokens, which forgets the least. Names
 * are told apart by a 64-bit hash with a secret start (FNV-1a), so that nobody can choose names
 * that fall together.
 */
#include "server/access/limiter.h"

#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

#include "common/heap.h"
#include "common/report.h"

#define N_SETS 1024
#define N_WAYS 4
#define FNV_PRIME 0x100000001b3u

typedef struct bucket {
    uint64_t name; /* 0 = empty */
    double tokens, at;
} bucket;

struct limiter {
    double capacity, per_second;
    uint64_t seed;
    pthread_mutex_t lock;
    bucket table[N_SETS][N_WAYS];
};

am_status limiter_new(int per_minute, limiter **made, am_error *error) {
    limiter *fresh = heap_new(sizeof *fresh);
    if (fresh == NULL) return report_fail(error, AM_E_MEMORY, "the rate limit");
    if (getrandom(&fresh->seed, sizeof fresh->seed, 0) != (ssize_t)sizeof fresh->seed) {
        heap_free(fresh);
        return report_fail(error, AM_E_SYSTEM, "no random bytes");
    }
    fresh->capacity = per_minute;
    fresh->per_second = per_minute / 60.0;
    pthread_mutex_init(&fresh->lock, NULL);
    *made = fresh;
    return AM_OK;
}

void limiter_free(limiter **old) {
    if (*old == NULL) return;
    pthread_mutex_destroy(&(*old)->lock);
    heap_free(*old);
    *old = NULL;
}

static uint64_t hash(uint64_t seed, const char *name) {
    uint64_t h = seed;
    for (const char *at = name; *at != '\0'; at++) h = (h ^ (unsigned char)*at) * FNV_PRIME;
    h ^= h >> 32;
    return h != 0 ? h : 1;
}

static double filled(const limiter *l, const bucket *b, double now) {
    if (b->name == 0) return l->capacity;
    return fmin(l->capacity, b->tokens + (now - b->at) * l->per_second);
}

static bucket *find(limiter *l, uint64_t name, double now) {
    bucket *set = l->table[name % N_SETS];
    bucket *fullest = &set[0];
    for (size_t i = 0; i < N_WAYS; i++) {
        if (set[i].name == name) return &set[i];
        if (filled(l, &set[i], now) > filled(l, fullest, now)) fullest = &set[i];
    }
    *fullest = (bucket){name, l->capacity, now};
    return fullest;
}

bool limiter_take(limiter *l, const char *name, double now, int *left, double *wait_s) {
    pthread_mutex_lock(&l->lock);
    bucket *b = find(l, hash(l->seed, name), now);
    b->tokens = filled(l, b, now);
    b->at = now;
    const bool taken = b->tokens >= 1;
    if (taken) b->tokens -= 1;
    *left = (int)b->tokens;
    *wait_s = taken ? 0 : (1 - b->tokens) / l->per_second;
    pthread_mutex_unlock(&l->lock);
    return taken;
}
