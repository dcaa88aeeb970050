/* Logit rules: see rules.h. */
#include "decoder/rules.h"

#include <math.h>

static void forbid(float *logits, const int32_t *tokens, size_t n) {
    for (size_t i = 0; i < n; i++) logits[tokens[i]] = -INFINITY;
}

static void forbid_range(float *logits, size_t from, size_t to) {
    for (size_t i = from; i < to; i++) logits[i] = -INFINITY;
}

/* Timestamps come in pairs, except directly before the end, and do not decrease. */
static void pair_timestamps(const am_rules *rules, const int32_t *sampled, size_t n,
                            float *logits) {
    const int32_t begin = rules->specials->timestamp_begin;
    const bool last_was_timestamp = n >= 1 && sampled[n - 1] >= begin;
    const bool penultimate_was_timestamp = n < 2 || sampled[n - 2] >= begin;
    if (last_was_timestamp && penultimate_was_timestamp) {
        forbid_range(logits, (size_t)begin, rules->n_vocab);
    } else if (last_was_timestamp) {
        forbid_range(logits, 0, (size_t)rules->specials->eot);
    }
    for (size_t i = n; i > 0; i--) {
        if (sampled[i - 1] < begin) continue;
        /* A segment that is open must get a length above zero, or decoding could loop for ever. */
        const bool may_repeat = last_was_timestamp && !penultimate_was_timestamp;
        forbid_range(logits, (size_t)begin, (size_t)sampled[i - 1] + (may_repeat ? 0 : 1));
        return;
    }
}

/* When all timestamps together are more probable than any one text token, say a timestamp. */
static void prefer_timestamps(const am_rules *rules, const am_kernels *kernels, float *logits) {
    const size_t begin = (size_t)rules->specials->timestamp_begin;
    const float timestamps = kernels->logsumexp_f32(logits + begin, rules->n_vocab - begin);
    const float best_text = logits[kernels->argmax_f32(logits, begin)];
    if (timestamps > best_text) forbid_range(logits, 0, begin);
}

void am__rules_apply(const am_rules *rules, const am_kernels *kernels, const int32_t *sampled,
                     size_t n, float *logits) {
    if (n == 0) forbid(logits, rules->blank, rules->n_blank);
    forbid(logits, rules->suppress, rules->n_suppress);
    if (!rules->timestamps) return;
    logits[rules->specials->no_timestamps] = -INFINITY;
    pair_timestamps(rules, sampled, n, logits);
    if (n == 0) {
        const size_t begin = (size_t)rules->specials->timestamp_begin;
        forbid_range(logits, 0, begin);
        if (rules->max_initial >= 0) {
            const size_t end = begin + (size_t)rules->max_initial + 1;
            if (end < rules->n_vocab) forbid_range(logits, end, rules->n_vocab);
        }
    }
    prefer_timestamps(rules, kernels, logits);
}
