/* Greedy, sampling and beam search: see search.h. */
#include "decoder/search.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"

/* One sequence being extended, or one that ended. */
typedef struct hypothesis {
    am_sequence sequence; /* in the cache; of live ones only */
    int32_t *tokens;      /* [n_text_ctx] sampled so far */
    size_t n_tokens;
    float sum_logprob;
    bool ended;
} hypothesis;

/* A way to extend a beam by one token. */
typedef struct extension {
    float sum_logprob;
    size_t source;
    int32_t token;
} extension;

struct am_search {
    const am_decoder *decoder;
    am_decoder_space *space;
    size_t n_beams_max;
    int32_t *cells;       /* owns the cells of live and next: [2, n_beams_max, n_text_ctx] */
    int32_t *tokens;      /* owns the tokens of live, next and ended */
    hypothesis *live;     /* [n_beams_max] */
    hypothesis *next;     /* [n_beams_max]: the beams being built from live */
    hypothesis *ended;    /* [2 * n_beams_max] finished beams */
    size_t n_live, n_ended;
    am_decoder_row *rows; /* [n_text_ctx] */
    float *scratch;       /* [n_vocab] */
};

/* n_ended_max: patience may ask for twice the beams. */
#define ENDED_PER_BEAM 2

am_status am__search_new(const am_decoder *decoder, size_t n_beams, am_search **search,
                         am_error *error) {
    const size_t n_ctx = (size_t)am__decoder_dims(decoder)->n_text_ctx;
    am_search *fresh = NULL;
    AM_TRY(AM_NEW(&fresh, 1, error));
    fresh->decoder = decoder;
    fresh->n_beams_max = n_beams;
    am_status status = AM_OK;
    AM_TRY_DONE(am__decoder_space_new(decoder, n_beams, &fresh->space, error));
    AM_TRY_DONE(AM_NEW(&fresh->cells, 2 * n_beams * n_ctx, error));
    AM_TRY_DONE(AM_NEW(&fresh->tokens, (2 + ENDED_PER_BEAM) * n_beams * n_ctx, error));
    AM_TRY_DONE(AM_NEW(&fresh->live, n_beams, error));
    AM_TRY_DONE(AM_NEW(&fresh->next, n_beams, error));
    AM_TRY_DONE(AM_NEW(&fresh->ended, ENDED_PER_BEAM * n_beams, error));
    AM_TRY_DONE(AM_NEW(&fresh->rows, n_ctx, error));
    AM_TRY_DONE(AM_NEW(&fresh->scratch, (size_t)am__decoder_dims(decoder)->n_vocab, error));
    int32_t *tokens = fresh->tokens;
    for (size_t i = 0; i < n_beams; i++) {
        fresh->live[i].sequence.cells = fresh->cells + i * n_ctx;
        fresh->next[i].sequence.cells = fresh->cells + (n_beams + i) * n_ctx;
        fresh->live[i].tokens = tokens + i * n_ctx;
        fresh->next[i].tokens = tokens + (n_beams + i) * n_ctx;
    }
    for (size_t i = 0; i < ENDED_PER_BEAM * n_beams; i++) {
        fresh->ended[i].tokens = tokens + (2 * n_beams + i) * n_ctx;
    }
    *search = fresh;
    return AM_OK;
done:
    am__search_free(&fresh);
    return status;
}

void am__search_free(am_search **search) {
    am_search *old = *search;
    if (old == NULL) return;
    am__decoder_space_free(&old->space);
    am__free(old->cells);
    am__free(old->tokens);
    am__free(old->live);
    am__free(old->next);
    am__free(old->ended);
    am__free(old->rows);
    am__free(old->scratch);
    am__free(old);
    *search = NULL;
}

/* Gives all cells back: the state between two searches. */
static void release_all(am_search *search) {
    am_kvcache *cache = am__decoder_cache(search->space);
    for (size_t i = 0; i < search->n_beams_max; i++) {
        am__kvcache_truncate(cache, &search->live[i].sequence, 0);
        am__kvcache_truncate(cache, &search->next[i].sequence, 0);
    }
    search->n_live = 0;
    search->n_ended = 0;
}

/* Runs tokens as one fresh sequence in live[0]. */
static am_status run_prompt(am_search *search, const am_exec *exec, const int32_t *tokens, size_t n,
                            const am_cross *cross, const am_score_capture *capture,
                            const float **hidden, am_error *error) {
    const size_t n_ctx = (size_t)am__decoder_dims(search->decoder)->n_text_ctx;
    if (n == 0 || n > n_ctx) {
        AM_FAIL(error, AM_E_INTERNAL, "%zu tokens do not fit the text context of %zu", n, n_ctx);
    }
    release_all(search);
    search->n_live = 1;
    search->live[0].n_tokens = 0;
    search->live[0].sum_logprob = 0;
    search->live[0].ended = false;
    for (size_t i = 0; i < n; i++) {
        search->rows[i] = (am_decoder_row){tokens[i], &search->live[0].sequence, cross};
    }
    return am__decoder_run(search->decoder, exec, search->space, search->rows, n, capture, hidden,
                           error);
}

static size_t n_vocab_of(const am_search *search) {
    return (size_t)am__decoder_dims(search->decoder)->n_vocab;
}

static float *logits_of(am_search *search, const am_exec *exec, const float *hidden, size_t row,
                        size_t n_rows) {
    const size_t d = (size_t)am__decoder_dims(search->decoder)->d_model;
    return am__decoder_logits(search->decoder, exec, search->space, hidden + row * d, n_rows);
}

static float probability(const am_kernels *kernels, const float *logits, size_t n, size_t token) {
    return expf(logits[token] - kernels->logsumexp_f32(logits, n));
}

/* ---- Greedy and sampling ----------------------------------------------------------------- */

static size_t sample(am_search *search, const am_kernels *kernels, const float *logits,
                     double temperature, am_rng *rng) {
    const size_t n = n_vocab_of(search);
    for (size_t i = 0; i < n; i++) search->scratch[i] = logits[i] / (float)temperature;
    kernels->softmax_f32(search->scratch, n);
    double rest = am__rng_uniform(rng);
    size_t last_possible = 0;
    for (size_t i = 0; i < n; i++) {
        if (search->scratch[i] <= 0) continue;
        last_possible = i;
        rest -= (double)search->scratch[i];
        if (rest < 0) break;
    }
    return last_possible;
}

/* Chooses the next token of one hypothesis from its logits. */
static void extend_alone(am_search *search, const am_exec *exec, const am_search_options *options,
                         int32_t eot, am_rng *rng, const float *logits, hypothesis *h) {
    const am_kernels *kernels = exec->kernels;
    const size_t n = n_vocab_of(search);
    const size_t token = options->temperature > 0
                             ? sample(search, kernels, logits, options->temperature, rng)
                             : kernels->argmax_f32(logits, n);
    h->sum_logprob += logits[token] - kernels->logsumexp_f32(logits, n);
    h->ended = (int32_t)token == eot;
    if (!h->ended) h->tokens[h->n_tokens++] = (int32_t)token;
}

/* One decoder step for every live hypothesis that has not ended; their logits in order. */
static am_status step(am_search *search, const am_exec *exec, const am_search_input *input,
                      float **logits, am_error *error) {
    size_t n_rows = 0;
    for (size_t i = 0; i < search->n_live; i++) {
        hypothesis *h = &search->live[i];
        if (h->ended) continue;
        search->rows[n_rows++] =
            (am_decoder_row){h->tokens[h->n_tokens - 1], &h->sequence, input->cross};
    }
    const float *hidden = NULL;
    AM_TRY(am__decoder_run(search->decoder, exec, search->space, search->rows, n_rows, NULL,
                           &hidden, error));
    *logits = logits_of(search, exec, hidden, 0, n_rows);
    return AM_OK;
}

static am_status check_cancel(const am_search_input *input, am_error *error) {
    if (input->cancel != NULL && input->cancel(input->user)) {
        AM_FAIL(error, AM_E_CANCELLED, "stopped by the caller");
    }
    return AM_OK;
}

/* Whether a step more would run past the text context. */
static bool context_full(const am_search *search, const am_search_input *input, size_t n_new) {
    return input->n_prompt + n_new > (size_t)am__decoder_dims(search->decoder)->n_text_ctx;
}

static am_status search_alone(am_search *search, const am_exec *exec, const am_search_input *input,
                              const am_search_options *options, float *logits, am_error *error) {
    const size_t n = options->temperature > 0 ? options->n_samples : 1;
    const size_t n_vocab = n_vocab_of(search);
    am_rng rng;
    am__rng_seed(&rng, options->seed);
    for (size_t i = 1; i < n; i++) {
        am__kvcache_fork(am__decoder_cache(search->space), &search->live[i].sequence,
                         &search->live[0].sequence);
        search->live[i].n_tokens = 0;
        search->live[i].sum_logprob = 0;
        search->live[i].ended = false;
    }
    search->n_live = n;
    am__rules_apply(input->rules, exec->kernels, NULL, 0, logits);
    for (size_t i = 0; i < n; i++) {
        extend_alone(search, exec, options, input->rules->specials->eot, &rng, logits,
                     &search->live[i]);
    }
    for (size_t n_new = 1; n_new < options->n_new_max && !context_full(search, input, n_new);
         n_new++) {
        bool all_ended = true;
        for (size_t i = 0; i < n; i++) all_ended = all_ended && search->live[i].ended;
        if (all_ended) break;
        AM_TRY(check_cancel(input, error));
        AM_TRY(step(search, exec, input, &logits, error));
        for (size_t i = 0; i < n; i++) {
            hypothesis *h = &search->live[i];
            if (h->ended) continue;
            am__rules_apply(input->rules, exec->kernels, h->tokens, h->n_tokens, logits);
            extend_alone(search, exec, options, input->rules->specials->eot, &rng, logits, h);
            logits += n_vocab;
        }
    }
    return AM_OK;
}

/* ---- Beam search ------------------------------------------------------------------------- */

/* Inserts into a list sorted by descending score; later ones go behind equal ones. */
static void insert(extension *list, size_t *n, size_t n_max, extension candidate) {
    if (*n == n_max && candidate.sum_logprob <= list[*n - 1].sum_logprob) return;
    size_t at = *n < n_max ? (*n)++ : n_max - 1;
    for (; at > 0 && list[at - 1].sum_logprob < candidate.sum_logprob; at--) {
        list[at] = list[at - 1];
    }
    list[at] = candidate;
}

/* The n_top best tokens of one beam, added to the list of all beams' extensions. */
static void rank_tokens(const am_search *search, const am_kernels *kernels, const float *logits,
                        size_t beam, size_t n_top, extension *list, size_t *n, size_t n_max) {
    const size_t n_vocab = n_vocab_of(search);
    const float base = search->live[beam].sum_logprob - kernels->logsumexp_f32(logits, n_vocab);
    extension top[AM_BEAMS_MAX + 1];
    size_t n_found = 0;
    for (size_t token = 0; token < n_vocab; token++) {
        if (n_found == n_top && logits[token] <= top[n_found - 1].sum_logprob) continue;
        if (logits[token] == -INFINITY) continue;
        insert(top, &n_found, n_top, (extension){logits[token], beam, (int32_t)token});
    }
    for (size_t i = 0; i < n_found; i++) {
        top[i].sum_logprob += base;
        insert(list, n, n_max, top[i]);
    }
}

static void copy_hypothesis(hypothesis *to, const hypothesis *from, float sum_logprob) {
    memcpy(to->tokens, from->tokens, from->n_tokens * sizeof *to->tokens);
    to->n_tokens = from->n_tokens;
    to->sum_logprob = sum_logprob;
}

static void finish(am_search *search, const hypothesis *h, float sum_logprob, size_t n_max) {
    if (search->n_ended >= n_max) return;
    copy_hypothesis(&search->ended[search->n_ended++], h, sum_logprob);
}

/* Replaces the live beams by the best extensions; those that end are kept aside. */
static void advance_beams(am_search *search, const extension *list, size_t n, size_t n_beams,
                          int32_t eot, size_t n_ended_max) {
    am_kvcache *cache = am__decoder_cache(search->space);
    size_t n_next = 0;
    for (size_t i = 0; i < n && n_next < n_beams; i++) {
        const hypothesis *source = &search->live[list[i].source];
        if (list[i].token == eot) {
            finish(search, source, list[i].sum_logprob, n_ended_max);
            continue;
        }
        hypothesis *next = &search->next[n_next++];
        copy_hypothesis(next, source, list[i].sum_logprob);
        next->tokens[next->n_tokens++] = list[i].token;
        next->ended = false;
        am__kvcache_fork(cache, &next->sequence, &source->sequence);
    }
    for (size_t i = 0; i < search->n_live; i++) {
        am__kvcache_truncate(cache, &search->live[i].sequence, 0);
    }
    hypothesis *old = search->live;
    search->live = search->next;
    search->next = old;
    search->n_live = n_next;
}

static am_status search_beams(am_search *search, const am_exec *exec, const am_search_input *input,
                              const am_search_options *options, float *logits, am_error *error) {
    const size_t n_beams = options->n_beams;
    const size_t n_vocab = n_vocab_of(search);
    const size_t capacity = ENDED_PER_BEAM * search->n_beams_max;
    const double wanted = rint((double)n_beams * options->patience);
    const size_t n_ended_max =
        wanted < 1 ? 1 : (wanted > (double)capacity ? capacity : (size_t)wanted);
    for (size_t n_new = 0; n_new < options->n_new_max; n_new++) {
        extension list[(AM_BEAMS_MAX + 1) * AM_BEAMS_MAX];
        size_t n = 0;
        for (size_t i = 0; i < search->n_live; i++) {
            float *row = logits + i * n_vocab;
            const hypothesis *h = &search->live[i];
            am__rules_apply(input->rules, exec->kernels, h->tokens, h->n_tokens, row);
            rank_tokens(search, exec->kernels, row, i, n_beams + 1, list, &n,
                        sizeof list / sizeof *list);
        }
        advance_beams(search, list, n, n_beams, input->rules->specials->eot, n_ended_max);
        if (search->n_ended >= n_ended_max || search->n_live == 0) break;
        if (n_new + 1 == options->n_new_max || context_full(search, input, n_new + 1)) break;
        AM_TRY(check_cancel(input, error));
        AM_TRY(step(search, exec, input, &logits, error));
    }
    /* Too few finished: the best unfinished beams stand in for them. */
    for (size_t i = 0; i < search->n_live && search->n_ended < n_beams; i++) {
        finish(search, &search->live[i], search->live[i].sum_logprob, n_beams);
    }
    return AM_OK;
}

/* ---- The whole search -------------------------------------------------------------------- */

static double rank_score(const hypothesis *h, double length_penalty) {
    const double length = h->n_tokens > 0 ? (double)h->n_tokens : 1.0;
    const double penalty =
        length_penalty < 0 ? length : pow((5.0 + length) / 6.0, length_penalty);
    return (double)h->sum_logprob / penalty;
}

static const hypothesis *best_of(const hypothesis *list, size_t n, double length_penalty) {
    const hypothesis *best = &list[0];
    for (size_t i = 1; i < n; i++) {
        if (rank_score(&list[i], length_penalty) > rank_score(best, length_penalty)) {
            best = &list[i];
        }
    }
    return best;
}

am_status am__search_run(am_search *search, const am_exec *exec, const am_search_input *input,
                         const am_search_options *options, am_search_result *result,
                         am_error *error) {
    const am_special_tokens *specials = input->rules->specials;
    const float *hidden = NULL;
    AM_TRY(check_cancel(input, error));
    AM_TRY(run_prompt(search, exec, input->prompt, input->n_prompt, input->cross, NULL, &hidden,
                      error));
    float *logits = logits_of(search, exec, hidden, input->sot_index, 1);
    const float no_speech = probability(exec->kernels, logits, n_vocab_of(search),
                                        (size_t)specials->no_speech);
    if (input->n_prompt != input->sot_index + 1) {
        logits = logits_of(search, exec, hidden, input->n_prompt - 1, 1);
    }
    const bool beams = options->temperature <= 0 && options->n_beams > 1;
    AM_TRY(beams ? search_beams(search, exec, input, options, logits, error)
                 : search_alone(search, exec, input, options, logits, error));
    if (beams && search->n_ended == 0) {
        AM_FAIL(error, AM_E_INTERNAL, "the rules left no token to say");
    }
    const hypothesis *list = beams ? search->ended : search->live;
    const size_t n = beams ? search->n_ended : search->n_live;
    const hypothesis *best = best_of(list, n, options->length_penalty);
    *result = (am_search_result){best->tokens, best->n_tokens, best->sum_logprob, no_speech};
    return AM_OK;
}

am_status am__search_first_probs(am_search *search, const am_exec *exec, const am_cross *cross,
                                 int32_t sot, int32_t first, size_t n, float *probs,
                                 am_error *error) {
    const float *hidden = NULL;
    AM_TRY(run_prompt(search, exec, &sot, 1, cross, NULL, &hidden, error));
    memcpy(probs, logits_of(search, exec, hidden, 0, 1) + first, n * sizeof *probs);
    exec->kernels->softmax_f32(probs, n);
    return AM_OK;
}

am_status am__search_forced(am_search *search, const am_exec *exec, const am_forced_input *input,
                            float *probs, am_error *error) {
    const float *hidden = NULL;
    AM_TRY(run_prompt(search, exec, input->tokens, input->n_tokens, input->cross, input->capture,
                      &hidden, error));
    for (size_t i = 0; i < input->n_probs; i += AM_LOGIT_ROWS_MAX) {
        const size_t left = input->n_probs - i;
        const size_t n = left < AM_LOGIT_ROWS_MAX ? left : AM_LOGIT_ROWS_MAX;
        const float *logits = logits_of(search, exec, hidden, input->first + i, n);
        for (size_t r = 0; r < n; r++, logits += n_vocab_of(search)) {
            const int32_t token = input->tokens[input->first + i + r + 1];
            probs[i + r] = probability(exec->kernels, logits, (size_t)input->end, (size_t)token);
        }
    }
    return AM_OK;
}

am_status am__search_forced_logits(am_search *search, const am_exec *exec, const int32_t *tokens,
                                   size_t n_tokens, const am_cross *cross, float *logits,
                                   am_error *error) {
    const size_t n_vocab = n_vocab_of(search);
    const float *hidden = NULL;
    AM_TRY(run_prompt(search, exec, tokens, n_tokens, cross, NULL, &hidden, error));
    for (size_t i = 0; i < n_tokens; i++) {
        memcpy(logits + i * n_vocab, logits_of(search, exec, hidden, i, 1),
               n_vocab * sizeof *logits);
    }
    return AM_OK;
}
