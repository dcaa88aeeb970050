/* The next tokens of one row: see ranking.h. */
#include "decoder/ranking.h"

/* The token at which the probabilities' running sum passes a uniform number. */
static size_t draw(const float *probs, size_t n, double rest) {
    size_t last_possible = 0;
    for (size_t i = 0; i < n; i++) {
        if (probs[i] <= 0) continue;
        last_possible = i;
        rest -= (double)probs[i];
        if (rest < 0) break;
    }
    return last_possible;
}

static void draw_tokens(am_ranking *ranking, const am_kernels *kernels, const float *logits,
                        float *scratch) {
    const size_t n_vocab = ranking->rules->n_vocab;
    for (size_t i = 0; i < n_vocab; i++) scratch[i] = logits[i] / (float)ranking->temperature;
    kernels->softmax_f32(scratch, n_vocab);
    for (size_t i = 0; i < ranking->n_wanted; i++) {
        const size_t token = draw(scratch, n_vocab, ranking->draws[i]);
        ranking->tokens[i] = (int32_t)token;
        ranking->logits[i] = logits[token];
    }
    ranking->n = ranking->n_wanted;
}

void am__rank(am_ranking *ranking, const am_kernels *kernels, float *logits, float *scratch) {
    const size_t n_vocab = ranking->rules->n_vocab;
    am__rules_apply(ranking->rules, kernels, ranking->sampled, ranking->n_sampled, logits);
    ranking->normalizer = kernels->logsumexp_f32(logits, n_vocab);
    if (ranking->temperature > 0) {
        draw_tokens(ranking, kernels, logits, scratch);
    } else if (ranking->n_wanted == 1) { /* greedy goes on even where nothing is left */
        const size_t token = kernels->argmax_f32(logits, n_vocab);
        ranking->tokens[0] = (int32_t)token;
        ranking->logits[0] = logits[token];
        ranking->n = 1;
    } else {
        ranking->n = kernels->top_f32(logits, n_vocab, ranking->n_wanted, ranking->logits,
                                      ranking->tokens);
    }
}
