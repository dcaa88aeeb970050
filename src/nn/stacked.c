/* Reading stacked weights: see stacked.h. */
#include "nn/stacked.h"

size_t am__stacked_outputs(const am_linear_part *parts, size_t n_parts) {
    size_t n_out = 0;
    for (size_t i = 0; i < n_parts; i++) n_out += parts[i].weight->n_rows;
    return n_out;
}

/* [in, 3] -> [3, in] within one output row. */
static void reorder_conv(const float *row, size_t n_in, float *out) {
    const size_t n_channels = n_in / 3;
    for (size_t c = 0; c < n_channels; c++) {
        for (size_t tap = 0; tap < 3; tap++) out[tap * n_channels + c] = row[c * 3 + tap];
    }
}

void am__stacked_rows(const am_linear_part *parts, size_t n_parts, size_t first, size_t n,
                      am_weight_order order, float *scratch, float *out) {
    size_t base = 0;
    for (size_t i = 0; i < n_parts && n > 0; i++) {
        const am_tensor *weight = parts[i].weight;
        for (; n > 0 && first < base + weight->n_rows; first++, n--) {
            float *row = order == AM_WEIGHT_CONV3 ? scratch : out;
            am__tensor_rows_f32(weight, first - base, 1, row);
            if (order == AM_WEIGHT_CONV3) reorder_conv(row, weight->n_cols, out);
            out += weight->n_cols;
        }
        base += weight->n_rows;
    }
}

void am__stacked_bias(const am_linear_part *parts, size_t n_parts, float *out) {
    for (size_t i = 0; i < n_parts; i++) {
        if (parts[i].bias != NULL && parts[i].bias->data != NULL) {
            am__tensor_rows_f32(parts[i].bias, 0, 1, out);
        }
        out += parts[i].weight->n_rows;
    }
}
