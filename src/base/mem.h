/*
 * All heap memory of the library goes through here, so that one allocator callback sees it and a
 * test can fail the Nth allocation. Every block is aligned to AM_ALIGNMENT.
 */
#ifndef AM_BASE_MEM_H
#define AM_BASE_MEM_H

#include <stddef.h>

#include "base/status.h"

#define AM_ALIGNMENT 64 /* a cache line, and the widest vector register */

/* n * size zeroed bytes; their address is stored in the pointer at `pointer` (of any object
 * type), NULL when n * size is 0. E_MEMORY on overflow too. */
AM_CHECK_RESULT am_status am__alloc(size_t n, size_t size, void *pointer, am_error *error);

/* As am__alloc without zeroing: for big arrays that are written before they are read. */
AM_CHECK_RESULT am_status am__alloc_raw(size_t n, size_t size, void *pointer, am_error *error);

/* As am__alloc_raw, on large pages where the system has them: for big arrays that are written
 * whole and then read from end to end, again and again, faster than small pages are looked up. */
AM_CHECK_RESULT am_status am__alloc_streamed(size_t n, size_t size, void *pointer,
                                             am_error *error);

/* Typed forms: AM_NEW(&pointer, n, error) with pointer of type T *. */
#define AM_NEW(pointer, n, error) am__alloc((n), sizeof **(pointer), (pointer), (error))
#define AM_NEW_RAW(pointer, n, error) am__alloc_raw((n), sizeof **(pointer), (pointer), (error))
#define AM_NEW_STREAMED(pointer, n, error) \
    am__alloc_streamed((n), sizeof **(pointer), (pointer), (error))

void am__free(void *block); /* NULL is allowed */

/* A copy of n bytes with a terminating zero. */
AM_CHECK_RESULT am_status am__strndup(const char *text, size_t n, char **copy, am_error *error);

/* Overflow-checked size arithmetic: true and *out on success. */
bool am__mul(size_t a, size_t b, size_t *out);
bool am__add(size_t a, size_t b, size_t *out);

#endif
