/* See encode.h. Block formats as ggml's quantize_row_*_reference has them. */
#include "encode.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

uint16_t half_of_float(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint32_t sign = bits >> 16 & 0x8000u;
    const uint32_t magnitude = bits & 0x7fffffffu;
    uint32_t half;
    if (magnitude > 0x7f800000u) {
        half = 0x7e00u;
    } else if (magnitude >= 0x477ff000u) { /* 65520 rounds to infinity */
        half = 0x7c00u;
    } else if (magnitude >= 0x38800000u) { /* normal: a carry of rounding may raise the exponent */
        half = ((magnitude + 0xfffu + (magnitude >> 13 & 1u)) >> 13) - (112u << 10);
    } else { /* subnormal: multiples of 2^-24, ties to even */
        half = (uint32_t)nearbyintf(fabsf(value) * 0x1p24f);
    }
    return (uint16_t)(sign | half);
}

float float_of_half(uint16_t half) {
    const int exponent = half >> 10 & 31;
    const int mantissa = half & 1023;
    const double magnitude =
        exponent == 0 ? ldexp(mantissa, -24) : ldexp(1024 + mantissa, exponent - 25);
    return (float)((half & 0x8000) != 0 ? -magnitude : magnitude);
}

static void put_half(unsigned char **out, float value) {
    const uint16_t half = half_of_float(value);
    memcpy(*out, &half, sizeof half);
    *out += sizeof half;
}

static int clamp(long value, int low, int high) {
    return value < low ? low : value > high ? high : (int)value;
}

/* 16 bytes of low nibbles, element i and i + 16 sharing a byte; fifth bits before them. */
static void put_nibbles(unsigned char **out, const int q[32], bool has_fifth) {
    if (has_fifth) {
        uint32_t fifth = 0;
        for (int i = 0; i < 32; i++) fifth |= (uint32_t)(q[i] >> 4 & 1) << i;
        memcpy(*out, &fifth, sizeof fifth);
        *out += sizeof fifth;
    }
    for (int i = 0; i < 16; i++) *(*out)++ = (unsigned char)((q[i] & 15) | (q[i + 16] & 15) << 4);
}

static void put_block(am_dtype dtype, const float *in, unsigned char **out) {
    float low = in[0], high = in[0], extreme = in[0]; /* extreme: largest magnitude, signed */
    int q[32];
    for (int i = 1; i < 32; i++) {
        low = fminf(low, in[i]);
        high = fmaxf(high, in[i]);
        if (fabsf(in[i]) > fabsf(extreme)) extreme = in[i];
    }
    if (dtype == AM_DTYPE_Q8_0) {
        const float d = fabsf(extreme) / 127.0f;
        put_half(out, d);
        for (int i = 0; i < 32; i++) {
            *(*out)++ = (unsigned char)(d != 0.0f ? clamp(lroundf(in[i] / d), -127, 127) : 0);
        }
        return;
    }
    const bool has_fifth = dtype == AM_DTYPE_Q5_0 || dtype == AM_DTYPE_Q5_1;
    const bool has_minimum = dtype == AM_DTYPE_Q4_1 || dtype == AM_DTYPE_Q5_1;
    const int n_levels = has_fifth ? 32 : 16;
    const float zero = has_minimum ? 0.0f : (float)(n_levels / 2);
    const float minimum = has_minimum ? low : 0.0f;
    const float d = has_minimum ? (high - low) / (float)(n_levels - 1) : extreme / -zero;
    put_half(out, d);
    if (has_minimum) put_half(out, minimum);
    for (int i = 0; i < 32; i++) {
        const float level = d != 0.0f ? (in[i] - minimum) / d + zero : zero;
        q[i] = clamp(lroundf(level), 0, n_levels - 1);
    }
    put_nibbles(out, q, has_fifth);
}

size_t encode_rows(am_dtype dtype, const float *in, size_t n_rows, size_t n_cols,
                   unsigned char *out, float *scales) {
    const size_t n = n_rows * n_cols;
    unsigned char *at = out;
    switch (dtype) {
    case AM_DTYPE_F32:
        memcpy(out, in, n * sizeof *in);
        return n * sizeof *in;
    case AM_DTYPE_F16:
        for (size_t i = 0; i < n; i++) put_half(&at, in[i]);
        break;
    case AM_DTYPE_BF16:
        for (size_t i = 0; i < n; i++, at += 2) {
            uint32_t bits;
            memcpy(&bits, &in[i], sizeof bits);
            const uint16_t upper = (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
            memcpy(at, &upper, sizeof upper);
        }
        break;
    case AM_DTYPE_I8_ROWS:
        for (size_t r = 0; r < n_rows; r++) {
            float largest = 0.0f;
            for (size_t c = 0; c < n_cols; c++) {
                largest = fmaxf(largest, fabsf(in[r * n_cols + c]));
            }
            scales[r] = largest > 0.0f ? 127.0f / largest : 1.0f;
            for (size_t c = 0; c < n_cols; c++) {
                *at++ = (unsigned char)lroundf(in[r * n_cols + c] * scales[r]);
            }
        }
        break;
    case AM_DTYPE_Q8_0:
    case AM_DTYPE_Q5_0:
    case AM_DTYPE_Q5_1:
    case AM_DTYPE_Q4_0:
    case AM_DTYPE_Q4_1:
        for (size_t i = 0; i < n; i += 32) put_block(dtype, in + i, &at);
        break;
    case AM_DTYPE_S8_PANELS:
    case AM_DTYPE_S4_PANELS: abort(); /* am_model_quantize writes these */
    }
    return (size_t)(at - out);
}
