/*
 * Attention of one head of 64 over keys and values in 8-bit integers: what turns them, and the
 * weights of a softmax, into operands of gemm_s8.h, whose tiles make the sums.
 *
 * Keys become panels of depth 64 whose columns are positions, one scale each. Their mean over the
 * positions is subtracted before: that adds the same to all scores of a query, which no softmax
 * sees, and takes most of the range away (Zhang et al. 2024, SageAttention). Queries are rows of
 * quantize.h. Values become panels of depth n whose columns are the 64 dimensions, one scale each,
 * around their mean: weights that sum to one give it back as a bias.
 *
 * Weights are 16-bit numbers in two rows of bytes, because a tail of many small ones counts: under
 * a peak of 1, eight bits would drop all that are below 1/510. The panels of values are made for
 * unsigned rows: their sums start at minus unsigned_offset times their column sums. The weights'
 * own sum is exact, so what is mixed is normalised by what was added, in any order and on any
 * instruction set.
 */
#ifndef AM_KERNELS_ATTN_S8_H
#define AM_KERNELS_ATTN_S8_H

#include "kernels/attn_f32.h"
#include "kernels/quantize.h"

/*
 * x: n >= 1 rows of 64, ldx apart. panels: ceil(n / nr) of am__s8_panel_bytes(format, 64); columns
 * behind n are zeros. scales: [ceil(n / nr) * nr], 0 behind n. The mean is the sum in order of rows
 * times 1 / n; then each row's arithmetic is that of quantize.h.
 */
typedef void am_attn_pack_keys_fn(const float *x, size_t ldx, size_t n, void *panels,
                                  float *scales);

/*
 * panels: 64 / nr of am__s8_panel_bytes(format, n). scales, means: [64], of which with
 * most = max(max x - mean, mean - min x): scale = most / 127, values (x - mean) * (127 / most),
 * rounded as in quantize.h; the mean as above.
 */
typedef void am_attn_pack_values_fn(const float *x, size_t ldx, size_t n, void *panels,
                                    float *scales, float *means);

/*
 * With w = 65535 exp(score - maximum), rounded: high = w / 256 and low = w % 256, each a row of
 * unsigned activations filled with zeros to a multiple of four. Returns the sum of w, the exact one
 * of what was written; each w is within 1 of the rounded exact one. 1 <= n <= 65536, scores finite.
 */
typedef uint32_t am_attn_weights_fn(const float *scores, size_t n, void *high, void *low);

#endif
