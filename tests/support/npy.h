/* Reads NumPy's .npy files, as far as the golden data needs: C order, little-endian f4 or i4. */
#ifndef AM_TESTS_SUPPORT_NPY_H
#define AM_TESTS_SUPPORT_NPY_H

#include <stddef.h>
#include <stdint.h>

#define NPY_DIMS_MAX 4

typedef struct npy {
    int n_dims;
    size_t shape[NPY_DIMS_MAX];
    size_t n; /* elements in all */
    const float *f32;     /* of a '<f4' file, else NULL */
    const int32_t *i32;   /* of a '<i4' file, else NULL */
    void *block;
} npy;

/* 0, or -1 after a line on stderr that says what is wrong. */
int npy_load(const char *path, npy *array);
void npy_free(npy *array);

#endif
