/*
 * Element types of stored weights and their conversion to f32. Block formats are ggml's: 32
 * values share one f16 scale d (and in the _1 types a minimum m); q5 keeps the fifth bits of all
 * 32 in one word. Scalar and exact: speed is the business of kernels, which repack once at load.
 */
#include <string.h>

#include "kernels/gemm_s4.h"
#include "kernels/kernels.h"
#include "model/reader.h"

typedef struct dtype_row {
    const char *name;
    size_t n_block;       /* elements of a block */
    size_t n_block_bytes;
} dtype_row;

static const dtype_row dtypes[] = {
    [AM_DTYPE_F32] = {"f32", 1, 4},      [AM_DTYPE_F16] = {"f16", 1, 2},
    [AM_DTYPE_BF16] = {"bf16", 1, 2},    [AM_DTYPE_I8_ROWS] = {"int8", 1, 1},
    [AM_DTYPE_Q8_0] = {"q8_0", 32, 34},  [AM_DTYPE_Q5_0] = {"q5_0", 32, 22},
    [AM_DTYPE_Q5_1] = {"q5_1", 32, 24},  [AM_DTYPE_Q4_0] = {"q4_0", 32, 18},
    [AM_DTYPE_Q4_1] = {"q4_1", 32, 20},  [AM_DTYPE_S8_PANELS] = {"int8 panels", 1, 1},
    [AM_DTYPE_S4_PANELS] = {"int4 panels", 32, 17},
};

const char *am__dtype_name(am_dtype dtype) {
    return dtypes[dtype].name;
}

size_t am__dtype_row_bytes(am_dtype dtype, size_t n_cols) {
    const dtype_row *row = &dtypes[dtype];
    /* A panel's share for one of its columns; rows that begin a tensor begin a panel. */
    if (dtype == AM_DTYPE_S8_PANELS) {
        return am__s8_panel_bytes(&am__s8_stored, n_cols) / am__s8_stored.nr;
    }
    if (dtype == AM_DTYPE_S4_PANELS && am__s4_fits(n_cols)) {
        return am__s4_panel_bytes(&am__s8_stored, n_cols) / am__s8_stored.nr;
    }
    if (n_cols % row->n_block != 0 || n_cols / row->n_block > SIZE_MAX / row->n_block_bytes) {
        return 0;
    }
    return n_cols / row->n_block * row->n_block_bytes;
}

static float float_of_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* IEEE half to single: the multiplication moves the exponent bias and makes subnormals normal. */
static float half_to_float(uint16_t half) {
    const uint32_t magnitude = (uint32_t)(half & 0x7fffu) << 13;
    const uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    const float value = float_of_bits(magnitude) * 0x1p112f;
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    /* Infinity and NaN keep an exponent of all ones. */
    bits |= (half & 0x7c00u) == 0x7c00u ? 0x7f800000u : 0u;
    return float_of_bits(bits | sign);
}

static uint16_t load_u16(const unsigned char *bytes) {
    uint16_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

static void rows_f32(const unsigned char *in, size_t n, float *out) {
    memcpy(out, in, n * sizeof *out);
}

static void rows_f16(const unsigned char *in, size_t n, float *out) {
    for (size_t i = 0; i < n; i++) out[i] = half_to_float(load_u16(in + 2 * i));
}

static void rows_bf16(const unsigned char *in, size_t n, float *out) {
    for (size_t i = 0; i < n; i++) out[i] = float_of_bits((uint32_t)load_u16(in + 2 * i) << 16);
}

/* One row of CTranslate2's int8: q = round(w * scale). */
static void row_i8(const unsigned char *in, float scale, size_t n, float *out) {
    for (size_t i = 0; i < n; i++) out[i] = (float)(int8_t)in[i] / scale;
}

static void blocks_q8_0(const unsigned char *in, size_t n, float *out) {
    for (size_t b = 0; b < n / 32; b++, in += 34, out += 32) {
        const float d = half_to_float(load_u16(in));
        for (size_t i = 0; i < 32; i++) out[i] = d * (float)(int8_t)in[2 + i];
    }
}

/* q4_0, q4_1, q5_0, q5_1 differ in the offset (m or a constant zero point) and the fifth bit. */
static void blocks_nibbles(const unsigned char *in, size_t n, bool has_minimum, bool has_fifth,
                           float *out) {
    const int zero_point = has_minimum ? 0 : has_fifth ? 16 : 8;
    for (size_t b = 0; b < n / 32; b++, out += 32) {
        const float d = half_to_float(load_u16(in));
        in += 2;
        float m = 0.0f;
        if (has_minimum) {
            m = half_to_float(load_u16(in));
            in += 2;
        }
        uint32_t fifth = 0;
        if (has_fifth) {
            memcpy(&fifth, in, sizeof fifth);
            in += 4;
        }
        for (size_t i = 0; i < 16; i++) {
            const int low = (in[i] & 15) | (int)((fifth >> i & 1u) << 4);
            const int high = in[i] >> 4 | (int)((fifth >> (i + 16) & 1u) << 4);
            out[i] = (float)(low - zero_point) * d + m;
            out[i + 16] = (float)(high - zero_point) * d + m;
        }
        in += 16;
    }
}

static float load_scale(const am_tensor *tensor, size_t row) {
    float scale;
    memcpy(&scale, (const unsigned char *)tensor->scales + row * sizeof scale, sizeof scale);
    return scale;
}

/* Panels hold rotated rows, H w / P (kernels/rotate_f32.h): H of that is w. */
static void rotate_back(const am_tensor *tensor, float *row) {
    am__kernels_ref.rotate_f32(row, row, tensor->n_cols);
}

static void row_panels(const am_tensor *tensor, size_t row, float *out) {
    const size_t nr = am__s8_stored.nr;
    const size_t group = am__s8_stored.group;
    const unsigned char *panel = (const unsigned char *)tensor->data +
                                 row / nr * am__s8_panel_bytes(&am__s8_stored, tensor->n_cols);
    const unsigned char *in = panel + nr * sizeof(int32_t) + row % nr * group;
    const float scale = load_scale(tensor, row);
    for (size_t i = 0; i < tensor->n_cols; i++) {
        out[i] = scale * (float)(int8_t)in[i / group * nr * group + i % group];
    }
    rotate_back(tensor, out);
}

static void row_s4_panels(const am_tensor *tensor, size_t row, float *out) {
    const size_t nr = am__s8_stored.nr;
    const void *panel = (const char *)tensor->data +
                        row / nr * am__s4_panel_bytes(&am__s8_stored, tensor->n_cols);
    const float scale = load_scale(tensor, row);
    for (size_t i = 0; i < tensor->n_cols; i++) {
        uint8_t group;
        const uint8_t code = am__s4_code(&am__s8_stored, panel, row % nr, tensor->n_cols, i,
                                         &group);
        out[i] = scale * (float)am__s4_weight(code, group);
    }
    rotate_back(tensor, out);
}

void am__tensor_rows_f32(const am_tensor *tensor, size_t row, size_t n_rows, float *out) {
    const size_t n_cols = tensor->n_cols;
    const size_t n = n_rows * n_cols;
    const unsigned char *in = tensor->data;
    in += row * am__dtype_row_bytes(tensor->dtype, n_cols);
    switch (tensor->dtype) {
    case AM_DTYPE_F32: rows_f32(in, n, out); break;
    case AM_DTYPE_F16: rows_f16(in, n, out); break;
    case AM_DTYPE_BF16: rows_bf16(in, n, out); break;
    case AM_DTYPE_I8_ROWS:
        for (size_t r = 0; r < n_rows; r++) {
            row_i8(in + r * n_cols, load_scale(tensor, row + r), n_cols, out + r * n_cols);
        }
        break;
    case AM_DTYPE_S8_PANELS:
        for (size_t r = 0; r < n_rows; r++) row_panels(tensor, row + r, out + r * n_cols);
        break;
    case AM_DTYPE_S4_PANELS:
        for (size_t r = 0; r < n_rows; r++) row_s4_panels(tensor, row + r, out + r * n_cols);
        break;
    case AM_DTYPE_Q8_0: blocks_q8_0(in, n, out); break;
    case AM_DTYPE_Q5_0: blocks_nibbles(in, n, false, true, out); break;
    case AM_DTYPE_Q5_1: blocks_nibbles(in, n, true, true, out); break;
    case AM_DTYPE_Q4_0: blocks_nibbles(in, n, false, false, out); break;
    case AM_DTYPE_Q4_1: blocks_nibbles(in, n, true, false, out); break;
    }
}
