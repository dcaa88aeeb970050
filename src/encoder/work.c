/* The size of the encoder's work, for measurements: see encoder.h. */
#include "encoder/encoder.h"

double am__encoder_operations(const am_dims *dims, size_t n_ctx) {
    const double n = (double)n_ctx, d = dims->d_model, d_ff = dims->d_ff;
    const double convolutions = 2 * n * 3 * dims->n_mels * d + n * 3 * d * d;
    const double layer = n * (4 * d * d + 2 * d * d_ff) + 2 * n * n * d;
    return 2 * (convolutions + dims->n_encoder_layers * layer);
}
