/* NumPy array files: see npy.h. Format: numpy.lib.format, versions 1 and 2. */
#include "support/npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_MAX 4096

static int complain(const char *path, const char *what) {
    fprintf(stderr, "%s: %s\n", path, what);
    return -1;
}

/* The shape out of "(80, 3000), }": numbers up to the bracket. */
static int parse_shape(const char *header, npy *array) {
    const char *p = strstr(header, "'shape': (");
    if (p == NULL) return -1;
    p += strlen("'shape': (");
    array->n = 1;
    while (*p != ')') {
        char *end;
        const unsigned long long dim = strtoull(p, &end, 10);
        if (end == p || array->n_dims == NPY_DIMS_MAX) return -1;
        array->shape[array->n_dims++] = (size_t)dim;
        array->n *= (size_t)dim;
        p = end + strspn(end, ", ");
    }
    return 0;
}

static int load(FILE *file, const char *path, npy *array) {
    unsigned char start[12];
    if (fread(start, 1, 10, file) != 10 || memcmp(start, "\x93NUMPY", 6) != 0) {
        return complain(path, "not a .npy file");
    }
    size_t n_header = start[8] | (size_t)start[9] << 8;
    if (start[6] >= 2) {
        if (fread(start + 10, 1, 2, file) != 2) return complain(path, "cut short");
        n_header |= (size_t)start[10] << 16 | (size_t)start[11] << 24;
    }
    char header[HEADER_MAX + 1];
    if (n_header > HEADER_MAX || fread(header, 1, n_header, file) != n_header) {
        return complain(path, "bad header");
    }
    header[n_header] = '\0';
    const int is_f32 = strstr(header, "'<f4'") != NULL, is_i32 = strstr(header, "'<i4'") != NULL;
    if (is_f32 == is_i32 || strstr(header, "'fortran_order': False") == NULL ||
        parse_shape(header, array) != 0) {
        return complain(path, "not a C-order array of <f4 or <i4");
    }
    array->block = malloc(array->n * 4 + 1);
    if (array->block == NULL || fread(array->block, 4, array->n, file) != array->n) {
        return complain(path, "cut short");
    }
    if (is_f32) array->f32 = array->block;
    if (is_i32) array->i32 = array->block;
    return 0;
}

int npy_load(const char *path, npy *array) {
    memset(array, 0, sizeof *array);
    FILE *file = fopen(path, "rb");
    if (file == NULL) return complain(path, "cannot be opened");
    const int result = load(file, path, array);
    fclose(file);
    if (result != 0) npy_free(array);
    return result;
}

void npy_free(npy *array) {
    free(array->block);
    memset(array, 0, sizeof *array);
}
