/*
 * The table of kernels: one implementation of each contract, the best this CPU has. Kernels take
 * pointers, sizes and distances; they know no model, thread or allocation.
 */
#ifndef AM_KERNELS_KERNELS_H
#define AM_KERNELS_KERNELS_H

#include "kernels/attn_f32.h"
#include "kernels/attn_s8.h"
#include "kernels/fft_f32.h"
#include "kernels/gemm_f32.h"
#include "kernels/gemm_s4.h"
#include "kernels/gemm_s8.h"
#include "kernels/peak.h"
#include "kernels/quantize.h"
#include "kernels/rotate_f32.h"
#include "kernels/softmax_u8.h"
#include "kernels/vector_f32.h"

typedef struct am_kernels {
    const char *isa; /* "ref", "avx2", "avxvnni", "avx512", "avx512vnni", "neon", "neondot" */
    struct {
        size_t mr, nr; /* tile: rows of A, columns of B; nr divides 64 */
        am_gemm_f32_fn *tile_f32;
        am_gemm_f16_fn *tile_f16;
    } gemm;
    struct {
        am_s8_format format; /* nr divides 64 */
        am_quantize_fn *quantize;
        am_gemm_s8_fn *tile;
        am_widen_s8_fn *widen; /* both or none */
        am_gemm_s8_fn *tile_wide;
        am_scores_s8_fn *scores;
        am_softmax_u8_fn *softmax; /* scores -> unsigned activations for tile */
    } s8;
    am_expand_s4_fn *expand_s4; /* into panels of s8 */
    struct {
        am_attn_pack_keys_fn *pack_keys;
        am_attn_pack_values_fn *pack_values;
        am_attn_weights_fn *weights;
    } attn_s8; /* for the tiles of s8 */
    am_layernorm_f32_fn *layernorm_f32;
    am_softmax_f32_fn *softmax_f32;
    am_logsumexp_f32_fn *logsumexp_f32;
    am_argmax_f32_fn *argmax_f32;
    am_top_f32_fn *top_f32;
    am_gelu_f32_fn *gelu_f32;
    am_add_f32_fn *add_f32;
    am_rotate_f32_fn *rotate_f32;
    am_f16_to_f32_fn *f16_to_f32;
    am_f32_to_f16_fn *f32_to_f16;
    am_log10_f32_fn *log10_f32;
    am_attn_scores_f32_fn *attn_scores_f32;
    am_attn_mix_f32_fn *attn_mix_f32;
    am_attn_scores_f16_fn *attn_scores_f16;
    am_attn_mix_f16_fn *attn_mix_f16;
    am_fft_power_fn *fft_power;
    struct {
        am_peak_fn *f32, *s8;
        am_read_fn *read;
    } peak; /* for measurements alone */
} am_kernels;

/* The table for am_cpu_flags() as they are now: const, lives for ever. */
const am_kernels *am__kernels(void);

extern const am_kernels am__kernels_ref; /* the specification */
extern const am_kernels am__kernels__avx2;
extern const am_kernels am__kernels__avxvnni;
extern const am_kernels am__kernels__avx512;
extern const am_kernels am__kernels__avx512vnni;
extern const am_kernels am__kernels__neon;
extern const am_kernels am__kernels__neondot;

#endif
