/*
 * A bump allocator: blocks are taken one after another and all released together, or back to a
 * mark. Two uses: a workspace of a size planned beforehand (capacity fixed, never grows), and the
 * owner of everything an am_result points to (grows by chunks up to a maximum).
 */
#ifndef AM_BASE_ARENA_H
#define AM_BASE_ARENA_H

#include "base/mem.h"

typedef struct am_arena_chunk am_arena_chunk;

typedef struct am_arena {
    am_arena_chunk *head; /* newest chunk */
    size_t n_bytes;       /* in all chunks */
    size_t n_bytes_max;   /* declared at init */
} am_arena;

void am__arena_init(am_arena *arena, size_t n_bytes_max);
void am__arena_free(am_arena *arena);

/* n * size zeroed bytes, their address stored in the pointer at `pointer`;
 * aligned to AM_ALIGNMENT (size >= 16) or 8. E_LIMIT past the maximum. */
AM_CHECK_RESULT am_status am__arena_alloc(am_arena *arena, size_t n, size_t size, void *pointer,
                                          am_error *error);
#define AM_ARENA_NEW(arena, pointer, n, error)                                                     \
    am__arena_alloc((arena), (n), sizeof **(pointer), (pointer), (error))

AM_CHECK_RESULT am_status am__arena_strndup(am_arena *arena, const char *text, size_t n,
                                            const char **copy, am_error *error);

#endif
