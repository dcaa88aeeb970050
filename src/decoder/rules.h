/*
 * What the model may say next: tokens forbidden for good, blanks at the beginning, and the grammar
 * of timestamps. Reference: openai/whisper decoding.py, SuppressBlank, SuppressTokens and
 * ApplyTimestampRules.
 */
#ifndef AM_DECODER_RULES_H
#define AM_DECODER_RULES_H

#include "kernels/kernels.h"
#include "text/tokenizer.h"

typedef struct am_rules {
    const am_special_tokens *specials;
    size_t n_vocab;
    const int32_t *suppress; /* [n_suppress] never said */
    size_t n_suppress;
    const int32_t *blank;    /* [n_blank] not said first */
    size_t n_blank;
    bool timestamps;         /* false: without_timestamps */
    int32_t max_initial;     /* the first timestamp is at most this many steps of 20 ms; -1 = any */
} am_rules;

/* Sets the logits [n_vocab] of forbidden tokens to -inf, given the n tokens sampled so far. */
void am__rules_apply(const am_rules *rules, const am_kernels *kernels, const int32_t *sampled,
                     size_t n, float *logits);

#endif
