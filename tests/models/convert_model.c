/*
 * Writes an f16 model anew as another format, for comparisons of formats on real weights:
 *
 *     convert_model IN ggml|ct2|safetensors f32|f16|bf16|int8|q8_0|q5_0|q5_1|q4_0|q4_1 OUT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weights.h"

static const struct {
    const char *name;
    am_dtype dtype;
} types[] = {
    {"f32", AM_DTYPE_F32},   {"f16", AM_DTYPE_F16},   {"bf16", AM_DTYPE_BF16},
    {"int8", AM_DTYPE_I8_ROWS}, {"q8_0", AM_DTYPE_Q8_0}, {"q5_0", AM_DTYPE_Q5_0},
    {"q5_1", AM_DTYPE_Q5_1}, {"q4_0", AM_DTYPE_Q4_0}, {"q4_1", AM_DTYPE_Q4_1},
};

#define N_TYPES (sizeof types / sizeof types[0])

static int convert(const am_model *model, const char *format, am_dtype dtype, const char *out) {
    const weights w = weights_of_model(model);
    const bool half = dtype == AM_DTYPE_F32 || dtype == AM_DTYPE_F16 || dtype == AM_DTYPE_BF16;
    if (strcmp(format, "ggml") == 0 && dtype != AM_DTYPE_I8_ROWS) {
        weights_write_ggml(&w, dtype, out);
    } else if (strcmp(format, "ct2") == 0 && (half || dtype == AM_DTYPE_I8_ROWS)) {
        weights_write_ct2(&w, dtype, out);
    } else if (strcmp(format, "safetensors") == 0 && half) {
        weights_write_safetensors(&w, dtype, 1, out);
    } else {
        fprintf(stderr, "%s does not hold this type\n", format);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

int main(int argc, char **argv) {
    am_model *model = NULL;
    am_error error;
    size_t type = 0;
    if (argc != 5) {
        fprintf(stderr, "usage: convert_model IN FORMAT TYPE OUT\n");
        return EXIT_FAILURE;
    }
    while (type < N_TYPES && strcmp(types[type].name, argv[3]) != 0) type++;
    if (type == N_TYPES) {
        fprintf(stderr, "unknown type %s\n", argv[3]);
        return EXIT_FAILURE;
    }
    if (am__model_open(argv[1], &model, &error) != AM_OK) {
        fprintf(stderr, "%s\n", error.detail);
        return EXIT_FAILURE;
    }
    const int result = convert(model, argv[2], types[type].dtype, argv[4]);
    am__model_close(&model);
    return result;
}
