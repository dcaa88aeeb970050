/* The counting allocator: see failing_heap.h. */
#include "support/failing_heap.h"

#include <stdlib.h>

#include "amanuensis.h"

static void *allocate(void *user, size_t size, size_t alignment) {
    failing_heap *heap = user;
    int n_left = atomic_load(&heap->n_left);
    do {
        if (n_left == 0) return NULL;
    } while (!atomic_compare_exchange_weak(&heap->n_left, &n_left, n_left - 1));
    heap->n_live++;
    return aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

static void release(void *user, void *block) {
    ((failing_heap *)user)->n_live--;
    free(block);
}

void failing_heap_start(failing_heap *heap, int n_allowed) {
    atomic_init(&heap->n_left, n_allowed);
    atomic_init(&heap->n_live, 0);
    const am_allocator allocator = {allocate, release, heap};
    am_set_allocator(&allocator);
}

void failing_heap_stop(void) {
    am_set_allocator(NULL);
}
