/*
 * Heap memory of the programs: zeroed, freed with heap_free, NULL when there is none. What grows
 * has a declared maximum (text.h).
 */
#ifndef AM_COMMON_HEAP_H
#define AM_COMMON_HEAP_H

#include <stddef.h>

#include "amanuensis.h"

/* For a process of many threads that lives long: large blocks go back to the system when they are
 * freed, and threads share a few arenas, so that memory is what is in use. Call before threads. */
void heap_settle(void);

void *heap_new(size_t n_bytes);
/* Moves a block to a new size; the old one stays valid on NULL. */
void *heap_resize(void *block, size_t n_bytes);
void heap_free(void *block);

/* Copies of text[0 … n-1] and of a whole string; NULL of NULL. */
char *heap_copy(const char *text, size_t n);
char *heap_string(const char *text);
/* As printf; NULL without memory. */
char *heap_print(const char *format, ...) AM_PRINTF(1, 2);

#endif
