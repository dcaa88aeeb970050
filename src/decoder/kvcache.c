/* Cells and sequences of the self-attention cache: see kvcache.h. */
#include "decoder/kvcache.h"

#include <assert.h>
#include <string.h>

am_status am__kvcache_init(am_kvcache *cache, size_t n_layers, size_t n_cells, size_t d_model,
                           am_error *error) {
    am_kvcache fresh = {.n_layers = n_layers, .n_cells = n_cells, .d_model = d_model};
    am_status status = AM_NEW_RAW(&fresh.keys, n_layers * n_cells * d_model, error);
    if (status == AM_OK) status = AM_NEW_RAW(&fresh.values, n_layers * n_cells * d_model, error);
    if (status == AM_OK) status = AM_NEW(&fresh.n_users, n_cells, error);
    if (status == AM_OK) status = AM_NEW(&fresh.free, n_cells, error);
    if (status != AM_OK) {
        am__kvcache_free(&fresh);
        return status;
    }
    /* Low numbers on top: neighbours in time become neighbours in memory. */
    for (size_t i = 0; i < n_cells; i++) fresh.free[i] = (int32_t)(n_cells - 1 - i);
    fresh.n_free = n_cells;
    *cache = fresh;
    return AM_OK;
}

void am__kvcache_free(am_kvcache *cache) {
    am__free(cache->keys);
    am__free(cache->values);
    am__free(cache->n_users);
    am__free(cache->free);
    *cache = (am_kvcache){0};
}

am_status am__kvcache_append(am_kvcache *cache, am_sequence *sequence, am_error *error) {
    if (cache->n_free == 0) {
        AM_FAIL(error, AM_E_INTERNAL, "all %zu cells of the decoder's cache are in use",
                cache->n_cells);
    }
    const int32_t cell = cache->free[--cache->n_free];
    cache->n_users[cell] = 1;
    sequence->cells[sequence->n++] = cell;
    return AM_OK;
}

void am__kvcache_truncate(am_kvcache *cache, am_sequence *sequence, size_t n) {
    while (sequence->n > n) {
        const int32_t cell = sequence->cells[--sequence->n];
        assert(cache->n_users[cell] > 0);
        if (--cache->n_users[cell] == 0) cache->free[cache->n_free++] = cell;
    }
}

void am__kvcache_fork(am_kvcache *cache, am_sequence *copy, const am_sequence *source) {
    assert(copy->n == 0);
    memcpy(copy->cells, source->cells, source->n * sizeof *copy->cells);
    copy->n = source->n;
    for (size_t i = 0; i < source->n; i++) cache->n_users[source->cells[i]]++;
}

float *am__kvcache_keys(const am_kvcache *cache, size_t layer) {
    return cache->keys + layer * cache->n_cells * cache->d_model;
}

float *am__kvcache_values(const am_kvcache *cache, size_t layer) {
    return cache->values + layer * cache->n_cells * cache->d_model;
}
