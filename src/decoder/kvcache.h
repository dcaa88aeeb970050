/*
 * Keys and values of the decoder's self-attention, stored by cell.
 *
 * A cell holds the keys and values of one token in every layer. A sequence is a list of cell
 * numbers, one per position; sequences that share a prefix share its cells (counted), so a beam
 * that is taken over by another copies a list of integers and no keys or values.
 */
#ifndef AM_DECODER_KVCACHE_H
#define AM_DECODER_KVCACHE_H

#include "base/mem.h"
#include "kernels/kernels.h"

typedef struct am_sequence {
    int32_t *cells; /* [n_max], borrowed from the cache's owner of sequences */
    size_t n;
} am_sequence;

typedef struct am_kvcache {
    size_t n_layers, n_cells, d_model;
    bool half;         /* f16, else f32 */
    char *keys;        /* [n_layers, n_cells, d_model]; memory is touched as cells are used */
    char *values;      /* as keys */
    uint16_t *n_users; /* [n_cells] sequences that hold the cell */
    int32_t *free;     /* stack of free cells */
    size_t n_free;
} am_kvcache;

AM_CHECK_RESULT am_status am__kvcache_init(am_kvcache *cache, size_t n_layers, size_t n_cells,
                                           size_t d_model, bool half, am_error *error);
void am__kvcache_free(am_kvcache *cache);

/* Gives the sequence one more position with a fresh cell; E_INTERNAL when none is free. */
AM_CHECK_RESULT am_status am__kvcache_append(am_kvcache *cache, am_sequence *sequence,
                                             am_error *error);
/* Gives back all positions from n on. */
void am__kvcache_truncate(am_kvcache *cache, am_sequence *sequence, size_t n);
/* Makes `copy` (empty) the same sequence as `source`. */
void am__kvcache_fork(am_kvcache *cache, am_sequence *copy, const am_sequence *source);

/* Writes one token's keys and values [d_model] of a layer. */
void am__kvcache_put(const am_kvcache *cache, const am_kernels *kernels, size_t layer, size_t cell,
                     const float *keys, const float *values);

const void *am__kvcache_keys(const am_kvcache *cache, size_t layer);   /* [n_cells, d_model] */
const void *am__kvcache_values(const am_kvcache *cache, size_t layer); /* [n_cells, d_model] */

#endif
