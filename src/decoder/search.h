/*
 * Search for the most probable token sequences of several windows at once. Each window has a slot;
 * every step runs the next tokens of all slots through the decoder in one call, so that weights
 * are read once for all of them, and windows begin and end at any step. What happens within a
 * window is job.h's. Reference: openai/whisper decoding.py, DecodingTask._main_loop.
 */
#ifndef AM_DECODER_SEARCH_H
#define AM_DECODER_SEARCH_H

#include "base/trace.h"
#include "decoder/decoder.h"
#include "decoder/rules.h"

#define AM_BEAMS_MAX 16

typedef struct am_search_options {
    double temperature;    /* 0: greedy or beam search; above: sampling */
    size_t n_beams;        /* at temperature 0, 1 … AM_BEAMS_MAX */
    size_t n_samples;      /* above 0, 1 … AM_BEAMS_MAX */
    double patience;       /* beams: stop at round(n_beams * patience) finished ones */
    double length_penalty; /* below 0: mean log-probability; else the exponent of Wu et al. 2016 */
    size_t n_new_max;      /* tokens to sample at most */
    uint64_t seed;
    bool stop_loops;       /* end sequences that only repeat themselves: there is another way */
} am_search_options;

/* What to decode: the tokens before the first sampled one, and the audio. */
typedef struct am_search_input {
    const int32_t *prompt;
    size_t n_prompt;
    size_t sot_index; /* of <|startoftranscript|> in the prompt */
    const am_cross *cross;
    const am_rules *rules;
} am_search_input;

typedef struct am_search_result {
    const int32_t *tokens; /* sampled, without the end token; borrowed until the next search */
    const float *logprobs; /* [n_tokens] of those tokens, borrowed as they are */
    size_t n_tokens;
    float sum_logprob;     /* of tokens and end token */
    float no_speech_prob;
    bool loops;            /* ended by stop_loops */
} am_search_result;

typedef struct am_search am_search;

/* Workspace for n_slots windows of up to n_beams sequences each, n_slots * n_beams at most the
 * model's n_text_ctx. `decoder` is borrowed. Nothing below allocates. */
AM_CHECK_RESULT am_status am__search_new(const am_decoder *decoder, size_t n_slots, size_t n_beams,
                                         am_search **search, am_error *error);
void am__search_free(am_search **search);

/* Gives a slot a window; what the slot did before is over. What `input` points to is borrowed
 * until the search is done. */
void am__search_begin(am_search *search, size_t slot, const am_search_input *input,
                      const am_search_options *options);

/* Ends the search of a slot, done or not. */
void am__search_drop(am_search *search, size_t slot);

/* One decoder call for all slots that are not done. E_INTERNAL only; what is wrong with the search
 * of one slot ends that one. */
AM_CHECK_RESULT am_status am__search_step(am_search *search, const am_exec *exec, am_error *error);

bool am__search_done(const am_search *search, size_t slot);
/* Of a slot that is done: E_INTERNAL when it has no result, because its rules left no token. */
AM_CHECK_RESULT am_status am__search_outcome(const am_search *search, size_t slot,
                                             am_error *error);

/* Steps, rows and bytes of all calls of am__search_step so far. */
am_work am__search_work(const am_search *search);

/* Of a slot that is done and has a result; what it points to is borrowed until its next search. */
am_search_result am__search_result(const am_search *search, size_t slot);

/* The rest runs tokens outside the slots, whose searches it leaves alone.
 *
 * Probabilities [n] of the tokens first … first + n - 1 as the first after <|startoftranscript|>:
 * language detection. */
AM_CHECK_RESULT am_status am__search_first_probs(am_search *search, const am_exec *exec,
                                                 const am_cross *cross, int32_t sot, int32_t first,
                                                 size_t n, float *probs, am_error *error);

/*
 * Teacher-forced pass for word times: runs `tokens` through the decoder, keeps the scores of
 * `capture`, and writes the probability of token i + 1 after tokens 0 … i for i in
 * [first, first + n_probs), among tokens below `end` only.
 */
typedef struct am_forced_input {
    const int32_t *tokens;
    size_t n_tokens;
    size_t first, n_probs;
    int32_t end;
    const am_cross *cross;
    const am_score_capture *capture;
} am_forced_input;

AM_CHECK_RESULT am_status am__search_forced(am_search *search, const am_exec *exec,
                                            const am_forced_input *input, float *probs,
                                            am_error *error);

/* Logits after each of the tokens, a row at a time: for tests against a reference. */
AM_CHECK_RESULT am_status am__search_forced_logits(am_search *search, const am_exec *exec,
                                                   const int32_t *tokens, size_t n_tokens,
                                                   const am_cross *cross, float *logits,
                                                   am_error *error);

#endif
