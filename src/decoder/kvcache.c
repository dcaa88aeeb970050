/* Cells and sequences of the self-attention cache: see kvcache.h. */
#include "decoder/kvcache.h"

#include <assert.h>
#include <string.h>

static size_t cell_bytes_of(const am_kvcache *cache) {
    return cache->d_model * (cache->half ? sizeof(am_f16) : sizeof(float));
}

am_status am__kvcache_init(am_kvcache *cache, size_t n_layers, size_t n_cells, size_t d_model,
                           bool half, am_error *error) {
    am_kvcache fresh = {
        .n_layers = n_layers, .n_cells = n_cells, .d_model = d_model, .half = half};
    const size_t cell_bytes = cell_bytes_of(&fresh);
    am_status status = am__alloc_raw(n_layers * n_cells, cell_bytes, &fresh.keys, error);
    if (status == AM_OK) {
        status = am__alloc_raw(n_layers * n_cells, cell_bytes, &fresh.values, error);
    }
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

static char *cell_at(const am_kvcache *cache, char *cells, size_t layer, size_t cell) {
    return cells + (layer * cache->n_cells + cell) * cell_bytes_of(cache);
}

void am__kvcache_put(const am_kvcache *cache, const am_kernels *kernels, size_t layer, size_t cell,
                     const float *keys, const float *values) {
    char *to_keys = cell_at(cache, cache->keys, layer, cell);
    char *to_values = cell_at(cache, cache->values, layer, cell);
    if (cache->half) {
        kernels->f32_to_f16((am_f16 *)(void *)to_keys, keys, cache->d_model);
        kernels->f32_to_f16((am_f16 *)(void *)to_values, values, cache->d_model);
    } else {
        memcpy(to_keys, keys, cell_bytes_of(cache));
        memcpy(to_values, values, cell_bytes_of(cache));
    }
}

const void *am__kvcache_keys(const am_kvcache *cache, size_t layer) {
    return cell_at(cache, cache->keys, layer, 0);
}

const void *am__kvcache_values(const am_kvcache *cache, size_t layer) {
    return cell_at(cache, cache->values, layer, 0);
}
