/* Temperature fallback: see fallback.h. */
#include "decoder/fallback.h"

#include <ctype.h>
#include <math.h>

am_status am__fallback_init(am_fallback *fallback, am_error *error) {
    *fallback = (am_fallback){0};
    am__buf_init(&fallback->text, (size_t)1 << 20); /* 448 tokens are a few KB */
    return am__compressor_new(&fallback->compressor, error);
}

void am__fallback_free(am_fallback *fallback) {
    am__tokens_free(&fallback->prompt);
    am__buf_free(&fallback->text);
    am__compressor_free(&fallback->compressor);
}

void am__decoded_free(am_decoded *decoded) {
    am__tokens_free(&decoded->tokens);
}

static am_status take_result(am_fallback *fallback, const am_plan *plan,
                             const am_search_result *found, double temperature,
                             am_decoded *decoded, am_error *error) {
    decoded->tokens.n = 0;
    for (size_t i = 0; i < found->n_tokens; i++) {
        AM_TRY(am__tokens_push(&decoded->tokens, found->tokens[i], error));
    }
    am__buf_clear(&fallback->text);
    AM_TRY(am__tokenizer_decode(plan->tokenizer, found->tokens, found->n_tokens, &fallback->text,
                                error));
    const char *text = am__buf_string(&fallback->text);
    size_t n = fallback->text.n_bytes;
    while (n > 0 && isspace((unsigned char)text[n - 1])) n--;
    while (n > 0 && isspace((unsigned char)*text)) text++, n--;
    AM_TRY(am__compression_ratio(fallback->compressor, text, n, &decoded->compression_ratio,
                                 error));
    decoded->temperature = temperature;
    decoded->avg_logprob = (double)found->sum_logprob / (double)(found->n_tokens + 1);
    decoded->no_speech_prob = (double)found->no_speech_prob;
    return AM_OK;
}

/* A threshold that is NaN is off: every comparison with it is false. */
static bool needs_fallback(const am_params *params, const am_decoded *decoded) {
    const bool improbable = decoded->avg_logprob < params->logprob_threshold;
    const bool repetitive = decoded->compression_ratio > params->compression_ratio_threshold;
    const bool silent = decoded->no_speech_prob > params->no_speech_threshold && improbable;
    return (improbable || repetitive) && !silent;
}

am_status am__decode_window(am_fallback *fallback, am_search *search, const am_exec *exec,
                            const am_plan *plan, const am_window_input *input,
                            am_decoded *decoded, am_error *error) {
    const am_params *params = plan->params;
    size_t sot_index = 0;
    AM_TRY(am__plan_prompt(plan, input->history, input->n_history, input->first,
                           &fallback->prompt, &sot_index, error));
    const am_search_input search_input = {
        .prompt = fallback->prompt.ids,
        .n_prompt = fallback->prompt.n,
        .sot_index = sot_index,
        .cross = input->cross,
        .rules = &plan->rules,
    };
    for (int i = 0; i < params->n_temperatures; i++) {
        const am_search_options options = {
            .temperature = params->temperatures[i],
            .n_beams = (size_t)params->beam_size,
            .n_samples = (size_t)params->best_of,
            .patience = params->patience,
            .length_penalty = params->length_penalty,
            .n_new_max = plan->n_new_max,
            .seed = input->seed + (uint64_t)i,
        };
        am__search_begin(search, 0, &search_input, &options);
        while (!am__search_done(search, 0)) {
            if (input->cancel != NULL && input->cancel(input->user)) {
                AM_FAIL(error, AM_E_CANCELLED, "stopped by the caller");
            }
            AM_TRY(am__search_step(search, exec, error));
        }
        const am_search_result found = am__search_result(search, 0);
        AM_TRY(take_result(fallback, plan, &found, options.temperature, decoded, error));
        if (!needs_fallback(params, decoded)) break;
    }
    return AM_OK;
}
