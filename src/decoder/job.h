/*
 * The search within one window, between two calls of the decoder: which sequences are alive, how
 * their logits extend them, when it is over. Greedy, beam search, or the best of several samples.
 * Knows nothing of layers; the driver (search.c) runs the rows of many jobs at once.
 * Reference: openai/whisper decoding.py, GreedyDecoder, BeamSearchDecoder, MaximumLikelihoodRanker.
 */
#ifndef AM_DECODER_JOB_H
#define AM_DECODER_JOB_H

#include "base/rng.h"
#include "decoder/kvcache.h"
#include "decoder/ranking.h"

/* One sequence being extended, or one that ended. */
typedef struct am_hypothesis {
    am_sequence sequence; /* in the cache; of live ones only */
    int32_t *tokens;      /* [n_text_ctx] sampled so far */
    float *logprobs;      /* [n_text_ctx] of those tokens */
    size_t n_tokens;
    float sum_logprob;    /* of tokens and, when it ended, end token */
    bool ended;
} am_hypothesis;

typedef enum am_job_phase {
    AM_JOB_IDLE,    /* no search */
    AM_JOB_PROMPT,  /* the prompt has to be run */
    AM_JOB_RUNNING, /* every live hypothesis has a token to be run */
    AM_JOB_DONE,    /* the result can be read */
    AM_JOB_STUCK,   /* the rules left no token to say: there is no result */
} am_job_phase;

typedef struct am_job {
    size_t n_ctx, n_vocab, n_beams_max;
    int32_t *cells;           /* owns the cells of live and next: [2, n_beams_max, n_ctx] */
    int32_t *tokens;          /* owns the tokens of live, next and ended */
    float *logprobs;          /* owns their log-probabilities */
    am_hypothesis *live;      /* [n_beams_max] */
    am_hypothesis *next;      /* [n_beams_max]: the beams being built from live */
    am_hypothesis *ended;     /* finished beams */
    size_t n_live, n_ended;
    size_t n_new;             /* tokens sampled per hypothesis so far */
    am_job_phase phase;
    am_search_input input;    /* the caller's, borrowed until the search is done */
    am_search_options options;
    am_rng rng;
    float no_speech_prob;
} am_job;

AM_CHECK_RESULT am_status am__job_init(am_job *job, const am_dims *dims, size_t n_beams,
                                       am_error *error);
void am__job_free(am_job *job);

/* Gives all cells back; the job is idle. */
void am__job_release(am_job *job, am_kvcache *cache);

/* Starts a search: phase PROMPT, one empty hypothesis that will hold the prompt. */
void am__job_begin(am_job *job, am_kvcache *cache, const am_search_input *input,
                   const am_search_options *options);

/* Whether hypothesis i waits for its last token to be run. */
bool am__job_waits(const am_job *job, size_t i);

/* What is asked of the logits of the rows that were run, in order of the hypotheses that waited
 * (one row after the prompt). Returns how many rows that is. */
size_t am__job_ask(am_job *job, am_ranking *rankings);

/* Takes the answers. Ends in phase RUNNING, DONE or STUCK. */
void am__job_advance(am_job *job, am_kvcache *cache, const am_ranking *rankings);

/* Of a job that is DONE; valid until it is released. */
am_search_result am__job_result(const am_job *job);

#endif
