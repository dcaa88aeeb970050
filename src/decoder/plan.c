/* Parameters to tokens: see plan.h. */
#include "decoder/plan.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "base/number.h"
#include "decoder/search.h"

#define TIMESTAMP_STEP 0.02 /* seconds */

void am_params_init(am_params *params) {
    *params = (am_params){
        .mode = AM_MODE_BATCHED,
        .batch_size = 8,
        .audio_ctx = AM_AUDIO_CTX_AUTO,
        .audio_ctx_margin = 200,
        .vad_filter = true,
        .task = AM_TASK_TRANSCRIBE,
        .temperatures = {0.0, 0.2, 0.4, 0.6, 0.8, 1.0},
        .n_temperatures = 6,
        .beam_size = 5,
        .best_of = 5,
        .patience = 1.0,
        .length_penalty = -1.0,
        .compression_ratio_threshold = 2.4,
        .logprob_threshold = -1.0,
        .no_speech_threshold = 0.6,
        .condition_on_previous_text = true,
        .suppress_tokens = "-1",
        .suppress_blank = true,
        .max_initial_timestamp = 1.0,
        .prepend_punctuations = "\"'“¿([{-",
        .append_punctuations = "\"'.。,，!！?？:：”)]}、",
        .clip_timestamps = "0",
        .hallucination_silence_threshold = NAN,
    };
    am_vad_options_init(&params->vad);
}

static am_status check_batching(const am_params *params, am_error *error) {
    if (params->mode != AM_MODE_BATCHED && params->mode != AM_MODE_SEQUENTIAL) {
        AM_FAIL(error, AM_E_ARG, "mode: %d is none", (int)params->mode);
    }
    if (params->batch_size < 1 || params->batch_size > AM_MAX_BATCH) {
        AM_FAIL(error, AM_E_ARG, "batch_size: %d is not between 1 and %d", params->batch_size,
                AM_MAX_BATCH);
    }
    if (params->audio_ctx < AM_AUDIO_CTX_FULL || params->audio_ctx > AM_AUDIO_CTX_MAX) {
        AM_FAIL(error, AM_E_ARG, "audio_ctx: %d is not auto, full, or 1 to %d", params->audio_ctx,
                AM_AUDIO_CTX_MAX);
    }
    if (params->audio_ctx_margin < 0 || params->audio_ctx_margin > AM_AUDIO_CTX_MAX) {
        AM_FAIL(error, AM_E_ARG, "audio_ctx_margin: %d is not between 0 and %d",
                params->audio_ctx_margin, AM_AUDIO_CTX_MAX);
    }
    return AM_OK;
}

am_status am__params_check(const am_params *params, am_error *error) {
    AM_TRY(check_batching(params, error));
    if (params->n_temperatures < 1 || params->n_temperatures > AM_MAX_TEMPERATURES) {
        AM_FAIL(error, AM_E_ARG, "temperature: %d values, expected 1 to %d",
                params->n_temperatures, AM_MAX_TEMPERATURES);
    }
    for (int i = 0; i < params->n_temperatures; i++) {
        if (!(params->temperatures[i] >= 0 && params->temperatures[i] <= 10)) {
            AM_FAIL(error, AM_E_ARG, "temperature: %g is not between 0 and 10",
                    params->temperatures[i]);
        }
    }
    if (params->beam_size < 1 || params->beam_size > AM_BEAMS_MAX) {
        AM_FAIL(error, AM_E_ARG, "beam_size: %d is not between 1 and %d", params->beam_size,
                AM_BEAMS_MAX);
    }
    if (params->best_of < 1 || params->best_of > AM_BEAMS_MAX) {
        AM_FAIL(error, AM_E_ARG, "best_of: %d is not between 1 and %d", params->best_of,
                AM_BEAMS_MAX);
    }
    if (!(params->patience > 0 && params->patience <= 2)) {
        AM_FAIL(error, AM_E_ARG, "patience: %g is not above 0 and at most 2", params->patience);
    }
    if (!(params->length_penalty <= 1)) {
        AM_FAIL(error, AM_E_ARG, "length_penalty: %g is above 1", params->length_penalty);
    }
    if (!(params->max_initial_timestamp >= 0 && params->max_initial_timestamp <= 30)) {
        AM_FAIL(error, AM_E_ARG, "max_initial_timestamp: %g is not between 0 and 30",
                params->max_initial_timestamp);
    }
    return AM_OK;
}

/* "-1" stands for the non-speech symbols; a comma-separated list of ids may be mixed with it. */
static am_status parse_suppress(am_plan *plan, const char *list, am_error *error) {
    const char *at = list != NULL ? list : "";
    while (isspace((unsigned char)*at)) at++;
    while (*at != '\0') {
        long id = 0;
        if (!am__read_long(&at, -1, (long)plan->rules.n_vocab - 1, &id)) {
            AM_FAIL(error, AM_E_ARG,
                    "suppress_tokens: \"%s\" is not a list of token ids below %zu, or -1", list,
                    plan->rules.n_vocab);
        }
        if (id >= 0) {
            AM_TRY(am__tokens_push(&plan->suppress, (int32_t)id, error));
        } else {
            size_t n = 0;
            const int32_t *ids = am__tokenizer_non_speech(plan->tokenizer, &n);
            AM_TRY(am__tokens_append(&plan->suppress, ids, n, error));
        }
        while (*at == ',' || isspace((unsigned char)*at)) at++;
    }
    const am_special_tokens *s = plan->specials;
    const int32_t always[] = {s->transcribe, s->translate, s->sot,
                              s->sot_prev,   s->sot_lm,    s->no_speech};
    return am__tokens_append(&plan->suppress, always, sizeof always / sizeof *always, error);
}

/* " " + text without surrounding white space, as the original feeds text to the model. */
static am_status encode_hint(const am_tokenizer *tokenizer, const char *text, am_tokens *tokens,
                             am_error *error) {
    if (text == NULL) return AM_OK;
    size_t n = strlen(text);
    while (n > 0 && isspace((unsigned char)text[n - 1])) n--;
    while (n > 0 && isspace((unsigned char)*text)) text++, n--;
    if (n == 0) return AM_OK;
    am_buf spaced;
    am__buf_init(&spaced, (size_t)1 << 20);
    am_status status = am__buf_append(&spaced, " ", 1, error);
    if (status == AM_OK) status = am__buf_append(&spaced, text, n, error);
    if (status == AM_OK) {
        status = am__tokenizer_encode(tokenizer, spaced.data, spaced.n_bytes, tokens, error);
    }
    am__buf_free(&spaced);
    return status;
}

static am_status fill_sot(am_plan *plan, const am_params *params, bool multilingual,
                          am_error *error) {
    AM_TRY(am__tokens_push(&plan->sot_sequence, plan->specials->sot, error));
    if (multilingual) {
        const int32_t language = am__tokenizer_language_token(plan->tokenizer, plan->language);
        if (language < 0) {
            AM_FAIL(error, AM_E_ARG, "language: the model does not know \"%s\"", plan->language);
        }
        AM_TRY(am__tokens_push(&plan->sot_sequence, language, error));
        AM_TRY(am__tokens_push(&plan->sot_sequence,
                               params->task == AM_TASK_TRANSLATE ? plan->specials->translate
                                                                 : plan->specials->transcribe,
                               error));
    }
    plan->n_sot_plain = plan->sot_sequence.n;
    if (params->without_timestamps) {
        AM_TRY(am__tokens_push(&plan->sot_sequence, plan->specials->no_timestamps, error));
    }
    return AM_OK;
}

static void fill_rules(am_plan *plan, const am_params *params) {
    am_rules *rules = &plan->rules;
    rules->specials = plan->specials;
    rules->suppress = plan->suppress.ids;
    rules->n_suppress = plan->suppress.n;
    if (params->suppress_blank) {
        rules->blank = am__tokenizer_blank(plan->tokenizer, &rules->n_blank);
    }
    rules->timestamps = !params->without_timestamps;
    rules->max_initial = params->max_initial_timestamp > 0
                             ? (int32_t)rint(params->max_initial_timestamp / TIMESTAMP_STEP)
                             : -1;
}

am_status am__plan_init(am_plan *plan, const am_params *params, const am_tokenizer *tokenizer,
                        const am_dims *dims, const char *language, am_error *error) {
    const bool multilingual = am__tokenizer_specials(tokenizer)->n_languages > 0;
    const size_t n_half = (size_t)dims->n_text_ctx / 2;
    *plan = (am_plan){
        .params = params,
        .tokenizer = tokenizer,
        .specials = am__tokenizer_specials(tokenizer),
        .language = language,
        .n_text_ctx = (size_t)dims->n_text_ctx,
        .rules = {.n_vocab = (size_t)dims->n_vocab},
        .n_new_max = n_half,
    };
    AM_TRY(am__params_check(params, error));
    if (params->max_new_tokens < 0 || (size_t)params->max_new_tokens > n_half) {
        AM_FAIL(error, AM_E_ARG, "max_new_tokens: %d is not between 0 and %zu",
                params->max_new_tokens, n_half);
    }
    if (params->max_new_tokens > 0) plan->n_new_max = (size_t)params->max_new_tokens;
    if (params->task == AM_TASK_TRANSLATE && !multilingual) {
        AM_FAIL(error, AM_E_UNSUPPORTED, "an English-only model cannot translate");
    }
    AM_TRY(parse_suppress(plan, params->suppress_tokens, error));
    AM_TRY(fill_sot(plan, params, multilingual, error));
    AM_TRY(encode_hint(tokenizer, params->prefix, &plan->prefix, error));
    AM_TRY(encode_hint(tokenizer, params->initial_prompt, &plan->initial_prompt, error));
    AM_TRY(encode_hint(tokenizer, params->hotwords, &plan->hotwords, error));
    fill_rules(plan, params);
    return AM_OK;
}

void am__plan_free(am_plan *plan) {
    am__tokens_free(&plan->suppress);
    am__tokens_free(&plan->sot_sequence);
    am__tokens_free(&plan->prefix);
    am__tokens_free(&plan->initial_prompt);
    am__tokens_free(&plan->hotwords);
}

/* The last n_max of the tokens. */
static am_status push_end(am_tokens *tokens, const int32_t *ids, size_t n, size_t n_max,
                          am_error *error) {
    const size_t n_kept = n < n_max ? n : n_max;
    return am__tokens_append(tokens, ids + (n - n_kept), n_kept, error);
}

am_status am__plan_prompt(const am_plan *plan, const int32_t *history, size_t n_history,
                          bool first_window, am_tokens *prompt, size_t *sot_index,
                          am_error *error) {
    const size_t n_half = plan->n_text_ctx / 2;
    const am_tokens *prefix = &plan->prefix;
    const bool use_prefix = first_window && prefix->n > 0;
    const am_tokens *hotwords = &plan->hotwords;
    /* Hot words and a prefix exclude each other, as in faster-whisper: a prefix says more. */
    const size_t n_hot = use_prefix ? 0 : (hotwords->n < n_half / 2 ? hotwords->n : n_half / 2);
    prompt->n = 0;
    if (n_history + n_hot > 0) {
        AM_TRY(am__tokens_push(prompt, plan->specials->sot_prev, error));
        AM_TRY(am__tokens_append(prompt, hotwords->ids, n_hot, error));
        AM_TRY(push_end(prompt, history, n_history, n_half - 1 - n_hot, error));
    }
    *sot_index = prompt->n;
    AM_TRY(am__tokens_append(prompt, plan->sot_sequence.ids, plan->sot_sequence.n, error));
    if (use_prefix) {
        const size_t n_max = plan->n_new_max < n_half ? n_half - plan->n_new_max : n_half / 2;
        AM_TRY(push_end(prompt, prefix->ids, prefix->n, n_max, error));
    }
    return AM_OK;
}
