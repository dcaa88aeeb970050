/* Encoding f32 values as the stored types of model files; the inverse of src/model/dtype.c. */
#ifndef AM_TESTS_MODELS_ENCODE_H
#define AM_TESTS_MODELS_ENCODE_H

#include "model/model.h"

uint16_t half_of_float(float value); /* to nearest, ties to even */
float float_of_half(uint16_t half);

/*
 * Encodes rows [n_rows, n_cols] at `out` and returns the bytes written. `scales` receives one
 * value per row for I8_ROWS and may be NULL otherwise. Blocks take n_cols % 32 == 0.
 */
size_t encode_rows(am_dtype dtype, const float *in, size_t n_rows, size_t n_cols,
                   unsigned char *out, float *scales);

#endif
