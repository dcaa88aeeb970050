/*
 * An allocator that refuses after a number of allocations: counting the number up until the code
 * under test succeeds shows that each failure is answered with a status and leaks nothing.
 */
#ifndef AM_TESTS_SUPPORT_FAILING_HEAP_H
#define AM_TESTS_SUPPORT_FAILING_HEAP_H

#include <stdatomic.h>

typedef struct failing_heap {
    atomic_int n_left; /* allocations until one fails */
    atomic_int n_live; /* blocks not released yet */
} failing_heap;

/* Makes *heap the library's allocator; the one before it must have no live blocks. */
void failing_heap_start(failing_heap *heap, int n_allowed);
void failing_heap_stop(void); /* back to the C library's */

#endif
