/*
 * Cross-attention's keys and values of a window, from the encoder's states to the packed store of
 * attention_s8.h, in 8-bit integers. The states are quantised once for all layers; then a thread
 * makes the keys or the values of one head, which stay in its L2 until they are packed.
 */
#ifndef AM_NN_PROJECT_S8_H
#define AM_NN_PROJECT_S8_H

#include "nn/attention_s8.h"
#include "nn/linear_s8.h"

/* Bytes of workspace for windows of n_ctx states [d_model]. */
size_t am__project_s8_workspace(const am_exec *exec, size_t n_ctx, size_t d_model);

/* Quantises the states [n_ctx, d_model] into the workspace. */
void am__project_s8_begin(const am_exec *exec, const float *states, size_t n_ctx, size_t d_model,
                          void *workspace);

/* One layer: `linear` makes keys and values [2 * d_model] from a state. store: of
 * am__attention_s8_bytes, as there. */
void am__project_s8_layer(const am_exec *exec, const am_linear_s8 *linear, size_t n_ctx,
                          void *workspace, void *store);

#endif
