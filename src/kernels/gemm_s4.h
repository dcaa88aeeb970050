/*
 * Weights in 4 bits: a shorter form of the panels of gemm_s8.h, expanded into them before use.
 *
 * Each output has one f32 scale, as in 8 bits; 32 neighbouring inputs of it share a multiplier m
 * and a zero point z, integers of 4 bits, and have a code q of 4 bits each:
 *
 *     weight = scale * m * (q - z)         m, z, q in 0 … 15
 *
 * m (q - z) is the 8-bit weight, taken modulo 256 (the quantiser stays within -127 … 127). So sums
 * are the exact integers of gemm_s8.h, whatever order or instruction makes them, and all it
 * promises holds here: the expanded panel is the specification, equal in every byte on every
 * instruction set, for any contents of the short one. The price of integers is that a group's
 * scale is one of 15 steps of the output's; 4.25 bits a weight in all.
 *
 * A panel of nr outputs and k inputs, a multiple of 32:
 *
 *     nr        int32_t   start of the sums, as in gemm_s8.h
 *     k/32 x nr uint8_t   m | z << 4, for each group of inputs those of all outputs
 *     k/32 x 16 nr        codes: with the 32 nr bytes that a group has in the 8-bit panel in order,
 *                         byte i holds the code of byte i, and above it that of byte i + 16 nr
 *
 * Multiplying is cheap: two codes times m, in the bytes of one 16-bit word, carry nothing over,
 * since 15 * 15 < 256.
 */
#ifndef AM_KERNELS_GEMM_S4_H
#define AM_KERNELS_GEMM_S4_H

#include "kernels/gemm_s8.h"

#define AM_S4_GROUP ((size_t)32)

/* panel -> the 8-bit panel of the same kernels, am__s8_panel_bytes. They do not overlap. */
typedef void am_expand_s4_fn(size_t k, const void *panel, void *expanded);

/* Whether rows of k weights can be in 4 bits. */
bool am__s4_fits(size_t k);

size_t am__s4_panel_bytes(const am_s8_format *format, size_t k);

/*
 * One row of weights to codes [k] and groups [k / 32] (m | z << 4); returns the scale. Multipliers
 * and zero points are those that leave the least sum of squared errors among a few, the scale is
 * then fitted to them. The same arithmetic on every machine.
 */
float am__s4_quantize_row(const float *w, size_t k, uint8_t *codes, uint8_t *groups);

/* Packs codes [n, k] and groups [n, k / 32] of outputs n <= nr; those behind n are zeros. */
void am__s4_pack(const am_s8_format *format, const uint8_t *codes, const uint8_t *groups, size_t n,
                 size_t k, void *panel);

/* The code of input l of column j, and its group. */
uint8_t am__s4_code(const am_s8_format *format, const void *panel, size_t j, size_t k, size_t l,
                    uint8_t *group);

/* Column j of a panel. */
void am__s4_unpack_column(const am_s8_format *format, const void *panel, size_t j, size_t k,
                          uint8_t *codes, uint8_t *groups);

/* Weight m (q - z) of a code in its group. */
static inline int8_t am__s4_weight(uint8_t code, uint8_t group) {
    const int value = (group & 15) * (code - (group >> 4));
    return (int8_t)(value < -128 ? value + 256 : value > 127 ? value - 256 : value);
}

#endif
