/* Where weights come from: see weights.h. The files are written by write_*.c. */
#include "weights.h"

#include <math.h>

#include "base/rng.h"
#include "encode.h"
#include "writing.h"

/* Mean 0, variance 1: four 16-bit uniforms in one draw are near enough to normal. */
static float draw(am_rng *rng) {
    const uint64_t bits = am__rng_next(rng);
    const double sum = (double)(bits & 0xffff) + (double)(bits >> 16 & 0xffff) +
                       (double)(bits >> 32 & 0xffff) + (double)(bits >> 48);
    return (float)((sum / 65536.0 - 2.0) * 1.7320508);
}

/* Mean and standard deviation of a tensor: LayerNorm gains about 1, matrices by their fan-in, and
 * the projections that end a residual branch smaller, so that depth does not add up. */
static void moments(const weights *w, tensor_id id, float *mean, float *deviation) {
    const tensor_shape shape = shape_of(&w->dims, id);
    const float by_fan_in = 1.0f / sqrtf((float)shape.n_cols);
    *mean = 0.0f;
    *deviation = shape.n_rows == 1 ? 0.02f : by_fan_in;
    if (id.stack < 0) {
        switch ((am_global_role)id.role) {
        case AM_T_ENC_LN_W:
        case AM_T_DEC_LN_W: *mean = 1.0f; break;
        case AM_T_ENC_POS: *deviation = 0.5f; break;
        case AM_T_DEC_POS:
        case AM_T_TOKEN_EMB: *deviation = 0.1f; break;
        default: break;
        }
        return;
    }
    switch ((am_layer_role)id.role) {
    case AM_L_ATTN_LN_W:
    case AM_L_CROSS_LN_W:
    case AM_L_MLP_LN_W: *mean = 1.0f; break;
    case AM_L_ATTN_O_W:
    case AM_L_CROSS_O_W:
    case AM_L_FC2_W: *deviation = 0.3f * by_fan_in; break;
    default: break;
    }
}

static void fill_random(const weights *self, tensor_id id, size_t n, float *out) {
    am_rng rng;
    float mean, deviation;
    am__rng_seed(&rng, self->seed * 1000003u +
                           (uint64_t)((id.stack + 2) * 100000 + id.layer * 100 + id.role));
    moments(self, id, &mean, &deviation);
    for (size_t i = 0; i < n; i++) {
        out[i] = float_of_half(half_of_float(mean + deviation * draw(&rng)));
    }
}

static void fill_from_model(const weights *self, tensor_id id, size_t n, float *out) {
    const am_tensor *tensor =
        id.stack < 0 ? am__model_global(self->model, (am_global_role)id.role)
                     : am__model_layer(self->model, id.stack == 1, id.layer,
                                       (am_layer_role)id.role);
    (void)n;
    am__tensor_rows_f32(tensor, 0, tensor->n_rows, out);
}

weights weights_random(const am_dims *dims, uint64_t seed) {
    static const am_head_id first_head = {0, 0};
    weights w = {
        .dims = *dims, .fill = fill_random, .seed = seed, .heads = &first_head, .n_heads = 1,
    };
    w.dims.n_heads = dims->d_model / 64;
    w.dims.d_ff = 4 * dims->d_model;
    return w;
}

weights weights_of_model(const am_model *model) {
    weights w = {.dims = *am__model_dims(model), .fill = fill_from_model, .model = model};
    w.heads = am__model_alignment_heads(model, &w.n_heads);
    return w;
}
