/* The library's only caller of the C heap: see mem.h. */
#define _DEFAULT_SOURCE /* madvise */
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LARGE_PAGE ((size_t)2 << 20)

static void *heap_allocate(void *user, size_t size, size_t alignment) {
    (void)user;
    size_t padded;
    if (!am__add(size, alignment - 1, &padded)) return NULL;
    return aligned_alloc(alignment, padded / alignment * alignment);
}

static void heap_release(void *user, void *block) {
    (void)user;
    free(block);
}

/* Set before the first engine is opened and only read afterwards (amanuensis.h says so). */
static am_allocator allocator = {heap_allocate, heap_release, NULL};

void am_set_allocator(const am_allocator *chosen) {
    const am_allocator heap = {heap_allocate, heap_release, NULL};
    allocator = chosen != NULL ? *chosen : heap;
}

bool am__mul(size_t a, size_t b, size_t *out) {
    if (b != 0 && a > SIZE_MAX / b) return false;
    *out = a * b;
    return true;
}

bool am__add(size_t a, size_t b, size_t *out) {
    if (a > SIZE_MAX - b) return false;
    *out = a + b;
    return true;
}

static am_status allocate(size_t n, size_t size, size_t alignment, void *pointer,
                          am_error *error) {
    size_t n_bytes;
    if (!am__mul(n, size, &n_bytes)) {
        AM_FAIL(error, AM_E_MEMORY, "%zu elements of %zu bytes do not fit in memory", n, size);
    }
    void *fresh = NULL;
    if (n_bytes > 0) {
        fresh = allocator.allocate(allocator.user, n_bytes, alignment);
        if (fresh == NULL) AM_FAIL(error, AM_E_MEMORY, "no memory for %zu bytes", n_bytes);
    }
    /* By memcpy: the caller's pointer has its own type, which a void ** may not alias. */
    memcpy(pointer, &fresh, sizeof fresh);
    return AM_OK;
}

am_status am__alloc_raw(size_t n, size_t size, void *pointer, am_error *error) {
    return allocate(n, size, AM_ALIGNMENT, pointer, error);
}

am_status am__alloc_streamed(size_t n, size_t size, void *pointer, am_error *error) {
    const bool large = size != 0 && n >= LARGE_PAGE / size;
    AM_TRY(allocate(n, size, large ? LARGE_PAGE : AM_ALIGNMENT, pointer, error));
#if defined(MADV_HUGEPAGE)
    void *fresh;
    memcpy(&fresh, pointer, sizeof fresh);
    /* A wish: where it is not granted, the memory works the same. Whole pages only, so that a
     * neighbour's memory keeps its own. */
    if (large) (void)madvise(fresh, n * size / LARGE_PAGE * LARGE_PAGE, MADV_HUGEPAGE);
#endif
    return AM_OK;
}

am_status am__alloc(size_t n, size_t size, void *pointer, am_error *error) {
    AM_TRY(am__alloc_raw(n, size, pointer, error));
    void *fresh;
    memcpy(&fresh, pointer, sizeof fresh);
    if (fresh != NULL) memset(fresh, 0, n * size);
    return AM_OK;
}

void am__free(void *block) {
    if (block != NULL) allocator.release(allocator.user, block);
}

am_status am__strndup(const char *text, size_t n, char **copy, am_error *error) {
    size_t n_bytes;
    if (!am__add(n, 1, &n_bytes)) AM_FAIL(error, AM_E_MEMORY, "string of %zu bytes", n);
    char *fresh = NULL;
    AM_TRY(AM_NEW_RAW(&fresh, n_bytes, error));
    memcpy(fresh, text, n);
    fresh[n] = '\0';
    *copy = fresh;
    return AM_OK;
}
