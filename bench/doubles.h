/* Measurements in order: medians and extremes are read off them. */
#ifndef AM_BENCH_DOUBLES_H
#define AM_BENCH_DOUBLES_H

#include <stdlib.h>

static inline int by_size(const void *a, const void *b) {
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

static inline void sort_doubles(double *values, size_t n) {
    qsort(values, n, sizeof *values, by_size);
}

#endif
