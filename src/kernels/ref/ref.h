/* The reference kernels: plain C, the specification the others are checked against. */
#ifndef AM_KERNELS_REF_REF_H
#define AM_KERNELS_REF_REF_H

#include "kernels/kernels.h"

#define AM_REF_MR 4
#define AM_REF_NR 16

am_gemm_f32_fn am_gemm_f32__ref;
am_gemm_f16_fn am_gemm_f16__ref;
am_quantize_fn am_quantize__ref;
am_gemm_s8_fn am_gemm_s8__ref;
am_expand_s4_fn am_expand_s4__ref;
am_scores_s8_fn am_scores_s8__ref;
am_softmax_u8_fn am_softmax_u8__ref;
am_attn_pack_keys_fn am_attn_pack_keys__ref;
am_attn_pack_values_fn am_attn_pack_values__ref;
am_attn_weights_fn am_attn_weights__ref;
am_layernorm_f32_fn am_layernorm_f32__ref;
am_softmax_f32_fn am_softmax_f32__ref;
am_logsumexp_f32_fn am_logsumexp_f32__ref;
am_argmax_f32_fn am_argmax_f32__ref;
am_top_f32_fn am_top_f32__ref;
am_gelu_f32_fn am_gelu_f32__ref;
am_add_f32_fn am_add_f32__ref;
am_rotate_f32_fn am_rotate_f32__ref;
am_f16_to_f32_fn am_f16_to_f32__ref;
am_f32_to_f16_fn am_f32_to_f16__ref;
am_log10_f32_fn am_log10_f32__ref;
am_attn_scores_f32_fn am_attn_scores_f32__ref;
am_attn_mix_f32_fn am_attn_mix_f32__ref;
am_attn_scores_f16_fn am_attn_scores_f16__ref;
am_attn_mix_f16_fn am_attn_mix_f16__ref;
am_fft_power_fn am_fft_power__ref;
am_peak_fn am_peak_f32__ref;
am_peak_fn am_peak_s8__ref;
am_read_fn am_peak_read__ref;

#endif
