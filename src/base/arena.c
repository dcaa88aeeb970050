/* Chunked bump allocator: see arena.h. */
#include "base/arena.h"

#include <stdint.h>
#include <string.h>

#define CHUNK_BYTES_MIN ((size_t)64 << 10)

struct am_arena_chunk {
    am_arena_chunk *next;
    size_t capacity; /* bytes of data */
    size_t used;
    char data[];
};

void am__arena_init(am_arena *arena, size_t n_bytes_max) {
    *arena = (am_arena){.n_bytes_max = n_bytes_max};
}

void am__arena_free(am_arena *arena) {
    while (arena->head != NULL) {
        am_arena_chunk *next = arena->head->next;
        am__free(arena->head);
        arena->head = next;
    }
    arena->n_bytes = 0;
}

static am_status add_chunk(am_arena *arena, size_t n_bytes, am_error *error) {
    const size_t capacity = n_bytes > CHUNK_BYTES_MIN ? n_bytes : CHUNK_BYTES_MIN;
    size_t total;
    size_t in_all;
    if (!am__add(sizeof(am_arena_chunk), capacity, &total) ||
        !am__add(arena->n_bytes, total, &in_all) || in_all > arena->n_bytes_max) {
        AM_FAIL(error, AM_E_LIMIT, "arena would grow past %zu bytes", arena->n_bytes_max);
    }
    am_arena_chunk *chunk = NULL;
    AM_TRY(am__alloc_raw(total, 1, &chunk, error));
    chunk->next = arena->head;
    chunk->capacity = capacity;
    chunk->used = 0;
    arena->head = chunk;
    arena->n_bytes = in_all;
    return AM_OK;
}

static size_t padding_of(const am_arena_chunk *chunk, size_t alignment) {
    const uintptr_t at = (uintptr_t)(chunk->data + chunk->used);
    return (alignment - at % alignment) % alignment;
}

am_status am__arena_alloc(am_arena *arena, size_t n, size_t size, void *pointer, am_error *error) {
    const size_t alignment = size >= 16 ? AM_ALIGNMENT : 8;
    size_t n_bytes;
    size_t needed;
    if (!am__mul(n, size, &n_bytes) || !am__add(n_bytes, alignment, &needed)) {
        AM_FAIL(error, AM_E_MEMORY, "%zu elements of %zu bytes do not fit in memory", n, size);
    }
    const am_arena_chunk *head = arena->head;
    if (head == NULL || head->capacity - head->used < needed) {
        AM_TRY(add_chunk(arena, needed, error));
    }
    am_arena_chunk *chunk = arena->head;
    chunk->used += padding_of(chunk, alignment);
    void *fresh = chunk->data + chunk->used;
    chunk->used += n_bytes;
    memset(fresh, 0, n_bytes);
    memcpy(pointer, &fresh, sizeof fresh);
    return AM_OK;
}

am_status am__arena_strndup(am_arena *arena, const char *text, size_t n, const char **copy,
                            am_error *error) {
    size_t n_bytes;
    if (!am__add(n, 1, &n_bytes)) AM_FAIL(error, AM_E_MEMORY, "string of %zu bytes", n);
    char *fresh = NULL;
    AM_TRY(AM_ARENA_NEW(arena, &fresh, n_bytes, error));
    memcpy(fresh, text, n);
    *copy = fresh;
    return AM_OK;
}
