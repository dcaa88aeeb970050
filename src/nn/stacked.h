/*
 * What a linear layer is made of, whatever its kernels: weights stacked from tensors of the file,
 * and what happens to its outputs.
 */
#ifndef AM_NN_STACKED_H
#define AM_NN_STACKED_H

#include "model/model.h"

/* One block of output rows: a weight [n_rows, n_in] and its bias (NULL = none). */
typedef struct am_linear_part {
    const am_tensor *weight;
    const am_tensor *bias;
} am_linear_part;

typedef enum am_weight_order {
    AM_WEIGHT_PLAIN, /* [out, in] */
    AM_WEIGHT_CONV3, /* [out, in, 3] -> [out, 3, in]: the order of three consecutive frames */
} am_weight_order;

typedef enum am_epilogue {
    AM_EPILOGUE_NONE, /* y = x W^T + b */
    AM_EPILOGUE_GELU, /* y = gelu(x W^T + b) */
    AM_EPILOGUE_ADD,  /* y += x W^T + b */
} am_epilogue;

/* All outputs of the parts. */
size_t am__stacked_outputs(const am_linear_part *parts, size_t n_parts);

/* Copies rows [first, first + n) of the parts, stacked along the outputs and reordered, to
 * out [n, n_in]; scratch: [n_in]. */
void am__stacked_rows(const am_linear_part *parts, size_t n_parts, size_t first, size_t n,
                      am_weight_order order, float *scratch, float *out);

/* Writes the biases that there are; out [n_out] is zeroed before. */
void am__stacked_bias(const am_linear_part *parts, size_t n_parts, float *out);

#endif
