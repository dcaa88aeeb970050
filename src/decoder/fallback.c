/* Temperature fallback: see fallback.h. */
#include "decoder/fallback.h"

#include <ctype.h>
#include <string.h>

#define TEXT_BYTES_MAX ((size_t)1 << 20) /* 448 tokens are a few KB */

am_status am__attempt_init(am_attempt *attempt, size_t slot, am_error *error) {
    *attempt = (am_attempt){.slot = slot};
    am__buf_init(&attempt->text, TEXT_BYTES_MAX);
    return am__compressor_new(&attempt->compressor, error);
}

void am__attempt_free(am_attempt *attempt) {
    am__tokens_free(&attempt->prompt);
    am__tokens_free(&attempt->decoded.tokens);
    am__free(attempt->decoded.logprobs);
    am__buf_free(&attempt->text);
    am__compressor_free(&attempt->compressor);
}

static void begin_search(am_attempt *attempt, am_search *search, const am_plan *plan) {
    const am_params *params = plan->params;
    const am_search_options options = {
        .temperature = params->temperatures[attempt->n_tried],
        .n_beams = (size_t)params->beam_size,
        .n_samples = (size_t)params->best_of,
        .patience = params->patience,
        .length_penalty = params->length_penalty,
        .n_new_max = plan->n_new_max,
        .seed = attempt->seed + (uint64_t)attempt->n_tried,
        .stop_loops = attempt->stop_loops,
    };
    am__search_begin(search, attempt->slot, &attempt->search_input, &options);
}

am_status am__attempt_begin(am_attempt *attempt, am_search *search, const am_plan *plan,
                            const am_window_input *input, am_error *error) {
    size_t sot_index = 0;
    AM_TRY(am__plan_prompt(plan, input->history, input->n_history, input->first, &attempt->prompt,
                           &sot_index, error));
    attempt->search_input = (am_search_input){
        .prompt = attempt->prompt.ids,
        .n_prompt = attempt->prompt.n,
        .sot_index = sot_index,
        .cross = input->cross,
        .rules = &plan->rules,
    };
    attempt->n_tried = 0;
    attempt->seed = input->seed;
    attempt->stop_loops = input->stop_loops;
    begin_search(attempt, search, plan);
    return AM_OK;
}

/* Length of the text without white space at both ends, *text moved to its first other byte. */
static size_t trim(const char **text, size_t n) {
    while (n > 0 && isspace((unsigned char)(*text)[n - 1])) n--;
    while (n > 0 && isspace((unsigned char)**text)) (*text)++, n--;
    return n;
}

/* The search's own are gone once it begins again. */
static am_status copy_tokens(am_decoded *decoded, const am_search_result *found,
                             am_error *error) {
    decoded->tokens.n = 0;
    AM_TRY(am__tokens_append(&decoded->tokens, found->tokens, found->n_tokens, error));
    if (decoded->n_logprobs_max < found->n_tokens) {
        float *fresh = NULL;
        AM_TRY(AM_NEW_RAW(&fresh, decoded->tokens.capacity, error));
        am__free(decoded->logprobs);
        decoded->logprobs = fresh;
        decoded->n_logprobs_max = decoded->tokens.capacity;
    }
    if (found->n_tokens > 0) {
        memcpy(decoded->logprobs, found->logprobs, found->n_tokens * sizeof *found->logprobs);
    }
    return AM_OK;
}

static am_status take_result(am_attempt *attempt, const am_plan *plan,
                             const am_search_result *found, am_error *error) {
    am_decoded *decoded = &attempt->decoded;
    AM_TRY(copy_tokens(decoded, found, error));
    am__buf_clear(&attempt->text);
    AM_TRY(am__tokenizer_decode(plan->tokenizer, found->tokens, found->n_tokens, &attempt->text,
                                error));
    const char *text = am__buf_string(&attempt->text);
    const size_t n = trim(&text, attempt->text.n_bytes);
    AM_TRY(am__compression_ratio(attempt->compressor, text, n, &decoded->compression_ratio,
                                 error));
    decoded->temperature = plan->params->temperatures[attempt->n_tried];
    decoded->avg_logprob = (double)found->sum_logprob / (double)(found->n_tokens + 1);
    decoded->no_speech_prob = (double)found->no_speech_prob;
    decoded->loops = found->loops;
    return AM_OK;
}

/* A threshold that is NaN is off: every comparison with it is false. */
static bool needs_fallback(const am_params *params, const am_decoded *decoded) {
    const bool improbable = decoded->avg_logprob < params->logprob_threshold;
    const bool repetitive = decoded->compression_ratio > params->compression_ratio_threshold;
    const bool silent = decoded->no_speech_prob > params->no_speech_threshold && improbable;
    return (improbable || repetitive) && !silent;
}

am_status am__attempt_take(am_attempt *attempt, am_search *search, const am_plan *plan,
                           bool *again, am_error *error) {
    AM_TRY(am__search_outcome(search, attempt->slot, error));
    const am_search_result found = am__search_result(search, attempt->slot);
    AM_TRY(take_result(attempt, plan, &found, error));
    attempt->n_tried++;
    *again = attempt->n_tried < plan->params->n_temperatures &&
             needs_fallback(plan->params, &attempt->decoded);
    if (*again) begin_search(attempt, search, plan);
    return AM_OK;
}
