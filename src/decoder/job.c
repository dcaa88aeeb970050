/* One window's search: see job.h. */
#include "decoder/job.h"

#include <math.h>
#include <string.h>

/* Patience may ask for twice the beams to finish. */
#define ENDED_PER_BEAM 2
#define LOOP_TOKENS ((size_t)32)     /* that repeat what came before them, */
#define LOOP_PERIOD_MAX ((size_t)16) /* at most so many tokens before */

/* A way to extend a beam by one token. */
typedef struct extension {
    float sum_logprob; /* with this token */
    float logprob;     /* of this token */
    size_t source;
    int32_t token;
} extension;

am_status am__job_init(am_job *job, const am_dims *dims, size_t n_beams, am_error *error) {
    const size_t n_ctx = (size_t)dims->n_text_ctx;
    am_job fresh = {.n_ctx = n_ctx, .n_vocab = (size_t)dims->n_vocab, .n_beams_max = n_beams};
    am_status status = AM_OK;
    AM_TRY_DONE(AM_NEW(&fresh.cells, 2 * n_beams * n_ctx, error));
    AM_TRY_DONE(AM_NEW(&fresh.tokens, (2 + ENDED_PER_BEAM) * n_beams * n_ctx, error));
    AM_TRY_DONE(AM_NEW(&fresh.logprobs, (2 + ENDED_PER_BEAM) * n_beams * n_ctx, error));
    AM_TRY_DONE(AM_NEW(&fresh.live, n_beams, error));
    AM_TRY_DONE(AM_NEW(&fresh.next, n_beams, error));
    AM_TRY_DONE(AM_NEW(&fresh.ended, ENDED_PER_BEAM * n_beams, error));
    for (size_t i = 0; i < n_beams; i++) {
        fresh.live[i].sequence.cells = fresh.cells + i * n_ctx;
        fresh.next[i].sequence.cells = fresh.cells + (n_beams + i) * n_ctx;
        fresh.live[i].tokens = fresh.tokens + i * n_ctx;
        fresh.next[i].tokens = fresh.tokens + (n_beams + i) * n_ctx;
        fresh.live[i].logprobs = fresh.logprobs + i * n_ctx;
        fresh.next[i].logprobs = fresh.logprobs + (n_beams + i) * n_ctx;
    }
    for (size_t i = 0; i < ENDED_PER_BEAM * n_beams; i++) {
        fresh.ended[i].tokens = fresh.tokens + (2 * n_beams + i) * n_ctx;
        fresh.ended[i].logprobs = fresh.logprobs + (2 * n_beams + i) * n_ctx;
    }
    *job = fresh;
    return AM_OK;
done:
    am__job_free(&fresh);
    return status;
}

void am__job_free(am_job *job) {
    am__free(job->cells);
    am__free(job->tokens);
    am__free(job->logprobs);
    am__free(job->live);
    am__free(job->next);
    am__free(job->ended);
    *job = (am_job){0};
}

void am__job_release(am_job *job, am_kvcache *cache) {
    for (size_t i = 0; i < job->n_beams_max; i++) {
        am__kvcache_truncate(cache, &job->live[i].sequence, 0);
        am__kvcache_truncate(cache, &job->next[i].sequence, 0);
    }
    job->n_live = 0;
    job->n_ended = 0;
    job->phase = AM_JOB_IDLE;
}

static void clear_hypothesis(am_hypothesis *h) {
    h->n_tokens = 0;
    h->sum_logprob = 0;
    h->ended = false;
}

void am__job_begin(am_job *job, am_kvcache *cache, const am_search_input *input,
                   const am_search_options *options) {
    am__job_release(job, cache);
    job->input = *input;
    job->options = *options;
    job->n_new = 0;
    job->n_live = 1;
    clear_hypothesis(&job->live[0]);
    am__rng_seed(&job->rng, options->seed);
    job->phase = AM_JOB_PROMPT;
}

bool am__job_waits(const am_job *job, size_t i) {
    return job->phase == AM_JOB_RUNNING && i < job->n_live && !job->live[i].ended;
}

/* Whether a step more would be past the number of tokens asked for, or the text context. */
static bool is_full(const am_job *job) {
    return job->n_new >= job->options.n_new_max || job->input.n_prompt + job->n_new > job->n_ctx;
}

/* Whether the last tokens are one phrase again and again, where that ends a sequence. */
static bool loops(const am_job *job, const am_hypothesis *h) {
    const size_t n = job->options.stop_loops ? h->n_tokens : 0;
    for (size_t period = 1; period <= LOOP_PERIOD_MAX && period + LOOP_TOKENS <= n; period++) {
        const int32_t *last = h->tokens + n - LOOP_TOKENS;
        if (memcmp(last, last - period, LOOP_TOKENS * sizeof *last) == 0) return true;
    }
    return false;
}

static bool uses_beams(const am_job *job) {
    return job->options.temperature <= 0 && job->options.n_beams > 1;
}

size_t am__job_ask(am_job *job, am_ranking *rankings) {
    const am_search_options *options = &job->options;
    size_t n_rows = 0;
    for (size_t i = 0; i < job->n_live; i++) {
        const am_hypothesis *h = &job->live[i];
        if (h->ended) continue;
        am_ranking *ranking = &rankings[n_rows++];
        ranking->rules = job->input.rules;
        ranking->sampled = h->tokens;
        ranking->n_sampled = h->n_tokens;
        ranking->temperature = options->temperature;
        ranking->n_wanted = uses_beams(job) ? options->n_beams + 1 : 1;
        if (options->temperature <= 0) continue;
        /* All samples grow out of the one prompt and its logits. */
        if (job->n_new == 0) ranking->n_wanted = options->n_samples;
        for (size_t d = 0; d < ranking->n_wanted; d++) {
            ranking->draws[d] = am__rng_uniform(&job->rng);
        }
    }
    return n_rows;
}

/* ---- Greedy and sampling ----------------------------------------------------------------- */

static void append(am_hypothesis *h, int32_t token, float logprob) {
    h->tokens[h->n_tokens] = token;
    h->logprobs[h->n_tokens++] = logprob;
}

/* Gives one hypothesis token i of a ranking. */
static void extend_alone(const am_job *job, const am_ranking *ranking, size_t i,
                         am_hypothesis *h) {
    const float logprob = ranking->logits[i] - ranking->normalizer;
    h->sum_logprob += logprob;
    h->ended = ranking->tokens[i] == job->input.rules->specials->eot;
    if (!h->ended) append(h, ranking->tokens[i], logprob);
    h->ended = h->ended || loops(job, h);
}

static void advance_alone(am_job *job, am_kvcache *cache, const am_ranking *rankings) {
    if (job->n_new == 0) {
        for (size_t i = 0; i < rankings->n; i++) {
            if (i > 0) {
                clear_hypothesis(&job->live[i]);
                am__kvcache_fork(cache, &job->live[i].sequence, &job->live[0].sequence);
            }
            extend_alone(job, rankings, i, &job->live[i]);
        }
        job->n_live = rankings->n;
    } else {
        for (size_t i = 0; i < job->n_live; i++) {
            if (!job->live[i].ended) extend_alone(job, rankings++, 0, &job->live[i]);
        }
    }
    job->n_new++;
    bool all_ended = true;
    for (size_t i = 0; i < job->n_live; i++) all_ended = all_ended && job->live[i].ended;
    job->phase = all_ended || is_full(job) ? AM_JOB_DONE : AM_JOB_RUNNING;
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

/* The best tokens of one beam, added to the list of all beams' extensions. */
static void add_extensions(const am_job *job, const am_ranking *ranking, size_t beam,
                           extension *list, size_t *n, size_t n_max) {
    const float base = job->live[beam].sum_logprob - ranking->normalizer;
    for (size_t i = 0; i < ranking->n; i++) {
        insert(list, n, n_max,
               (extension){ranking->logits[i] + base, ranking->logits[i] - ranking->normalizer,
                           beam, ranking->tokens[i]});
    }
}

static void copy_hypothesis(am_hypothesis *to, const am_hypothesis *from, float sum_logprob) {
    memcpy(to->tokens, from->tokens, from->n_tokens * sizeof *to->tokens);
    memcpy(to->logprobs, from->logprobs, from->n_tokens * sizeof *to->logprobs);
    to->n_tokens = from->n_tokens;
    to->sum_logprob = sum_logprob;
}

static void finish(am_job *job, const am_hypothesis *h, float sum_logprob, size_t n_max) {
    if (job->n_ended >= n_max) return;
    copy_hypothesis(&job->ended[job->n_ended++], h, sum_logprob);
}

/* Replaces the live beams by the best extensions; those that end are kept aside. */
static void replace_beams(am_job *job, am_kvcache *cache, const extension *list, size_t n,
                          size_t n_ended_max) {
    size_t n_next = 0;
    for (size_t i = 0; i < n && n_next < job->options.n_beams; i++) {
        const am_hypothesis *source = &job->live[list[i].source];
        if (list[i].token == job->input.rules->specials->eot) {
            finish(job, source, list[i].sum_logprob, n_ended_max);
            continue;
        }
        am_hypothesis *next = &job->next[n_next++];
        copy_hypothesis(next, source, list[i].sum_logprob);
        append(next, list[i].token, list[i].logprob);
        next->ended = false;
        am__kvcache_fork(cache, &next->sequence, &source->sequence);
    }
    for (size_t i = 0; i < job->n_live; i++) {
        am__kvcache_truncate(cache, &job->live[i].sequence, 0);
    }
    am_hypothesis *old = job->live;
    job->live = job->next;
    job->next = old;
    job->n_live = n_next;
}

static void advance_beams(am_job *job, am_kvcache *cache, const am_ranking *rankings) {
    const size_t n_beams = job->options.n_beams;
    const size_t capacity = ENDED_PER_BEAM * job->n_beams_max;
    const double wanted = rint((double)n_beams * job->options.patience);
    const size_t n_ended_max =
        wanted < 1 ? 1 : (wanted > (double)capacity ? capacity : (size_t)wanted);
    extension list[(AM_BEAMS_MAX + 1) * AM_BEAMS_MAX];
    size_t n = 0;
    for (size_t i = 0; i < job->n_live; i++) {
        add_extensions(job, &rankings[i], i, list, &n, sizeof list / sizeof *list);
    }
    replace_beams(job, cache, list, n, n_ended_max);
    job->n_new++;
    const bool lost = job->n_live > 0 && loops(job, &job->live[0]); /* the best of them */
    if (job->n_ended < n_ended_max && job->n_live > 0 && !is_full(job) && !lost) {
        job->phase = AM_JOB_RUNNING;
        return;
    }
    /* Too few finished: the best unfinished beams stand in for them. */
    for (size_t i = 0; i < job->n_live && job->n_ended < n_beams; i++) {
        finish(job, &job->live[i], job->live[i].sum_logprob, n_beams);
    }
    job->phase = job->n_ended > 0 ? AM_JOB_DONE : AM_JOB_STUCK;
}

void am__job_advance(am_job *job, am_kvcache *cache, const am_ranking *rankings) {
    if (uses_beams(job)) {
        advance_beams(job, cache, rankings);
    } else {
        advance_alone(job, cache, rankings);
    }
}

/* ---- The result -------------------------------------------------------------------------- */

static double rank_score(const am_hypothesis *h, double length_penalty) {
    const double length = h->n_tokens > 0 ? (double)h->n_tokens : 1.0;
    const double penalty =
        length_penalty < 0 ? length : pow((5.0 + length) / 6.0, length_penalty);
    return (double)h->sum_logprob / penalty;
}

am_search_result am__job_result(const am_job *job) {
    const am_hypothesis *list = uses_beams(job) ? job->ended : job->live;
    const size_t n = uses_beams(job) ? job->n_ended : job->n_live;
    const am_hypothesis *best = &list[0];
    for (size_t i = 1; i < n; i++) {
        /* What repeats itself is probable, and wrong. Of samples, others may be right; of beams,
         * the others are variants of the same. */
        const bool worse = !uses_beams(job) && loops(job, &list[i]);
        const bool than_worse = !uses_beams(job) && loops(job, best);
        const bool higher = rank_score(&list[i], job->options.length_penalty) >
                            rank_score(best, job->options.length_penalty);
        if (worse == than_worse ? higher : than_worse) best = &list[i];
    }
    return (am_search_result){best->tokens, best->logprobs, best->n_tokens, best->sum_logprob,
                              job->no_speech_prob, loops(job, best)};
}
