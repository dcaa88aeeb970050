/* Heap memory of the programs: see heap.h. */
#include "common/heap.h"

#if defined(__GLIBC__) || defined(__gnu_linux__)
#include <malloc.h>
#endif
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGE_BLOCK (256 << 10)
#define ARENAS 4

void heap_settle(void) {
#if defined(M_MMAP_THRESHOLD) && defined(M_ARENA_MAX)
    /* Unless it is set, the threshold grows with the largest block ever freed. */
    (void)mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK);
    (void)mallopt(M_ARENA_MAX, ARENAS);
#endif
}

void *heap_new(size_t n_bytes) {
    return calloc(1, n_bytes > 0 ? n_bytes : 1);
}

void *heap_resize(void *block, size_t n_bytes) {
    return realloc(block, n_bytes > 0 ? n_bytes : 1);
}

void heap_free(void *block) {
    free(block);
}

char *heap_copy(const char *text, size_t n) {
    if (text == NULL) return NULL;
    char *copy = heap_new(n + 1);
    if (copy != NULL) memcpy(copy, text, n);
    return copy;
}

char *heap_string(const char *text) {
    return text != NULL ? heap_copy(text, strlen(text)) : NULL;
}

char *heap_print(const char *format, ...) {
    va_list args;
    va_list again;
    va_start(args, format);
    va_copy(again, args);
    const int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = n >= 0 ? heap_new((size_t)n + 1) : NULL;
    if (text != NULL) vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    return text;
}
