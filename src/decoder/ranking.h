/*
 * What one row of logits says: the tokens that may come next, best first or drawn, and how probable
 * they are. Rows are independent of each other, so any number of threads may rank them at once;
 * what follows for the sequences is job.h's.
 */
#ifndef AM_DECODER_RANKING_H
#define AM_DECODER_RANKING_H

#include "decoder/rules.h"
#include "decoder/search.h"

typedef struct am_ranking {
    /* The question. */
    const am_rules *rules;
    const int32_t *sampled;      /* [n_sampled] tokens of the sequence so far */
    size_t n_sampled;
    double temperature;          /* above 0: tokens are drawn, else the best are listed */
    size_t n_wanted;             /* 1 … AM_TOP_MAX */
    double draws[AM_BEAMS_MAX];  /* above 0: [n_wanted] uniform numbers in [0, 1) */
    /* The answer. */
    size_t n;                    /* <= n_wanted: fewer where the rules leave fewer */
    int32_t tokens[AM_TOP_MAX];  /* best first, or as drawn */
    float logits[AM_TOP_MAX];    /* of those tokens */
    float normalizer;            /* log-probability = logit - normalizer */
} am_ranking;

/* Applies the rules to the logits [n_vocab] and answers; scratch [n_vocab] is for draws alone. */
void am__rank(am_ranking *ranking, const am_kernels *kernels, float *logits, float *scratch);

#endif
