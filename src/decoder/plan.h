/*
 * The parameters of a transcription, checked and turned into tokens: what every window of it is
 * decoded with. Immutable after creation.
 */
#ifndef AM_DECODER_PLAN_H
#define AM_DECODER_PLAN_H

#include "decoder/rules.h"
#include "model/model.h"

typedef struct am_plan {
    const am_params *params;          /* borrowed */
    const am_tokenizer *tokenizer;    /* borrowed */
    const am_special_tokens *specials;
    const char *language;             /* code */
    size_t n_text_ctx;
    am_rules rules;
    am_tokens suppress;               /* owns rules.suppress */
    am_tokens sot_sequence;           /* <|startoftranscript|>, language, task, no timestamps */
    size_t n_sot_plain;               /* tokens of it before <|notimestamps|> */
    am_tokens prefix;
    am_tokens initial_prompt;
    am_tokens hotwords;
    size_t n_new_max;                 /* tokens to sample per window */
} am_plan;

/* `language` is a code the model knows (ignored for an English-only model). E_ARG names the
 * parameter that is out of range. Free with am__plan_free, also after failure. */
AM_CHECK_RESULT am_status am__plan_init(am_plan *plan, const am_params *params,
                                        const am_tokenizer *tokenizer, const am_dims *dims,
                                        const char *language, am_error *error);
void am__plan_free(am_plan *plan);

/*
 * Tokens before the first sampled one: <|startofprev|> and as much of the hot words and of
 * `history` [n_history] (its end) as fits, then the start sequence and, in the first window, the
 * prefix. *sot_index is where <|startoftranscript|> stands.
 */
AM_CHECK_RESULT am_status am__plan_prompt(const am_plan *plan, const int32_t *history,
                                          size_t n_history, bool first_window, am_tokens *prompt,
                                          size_t *sot_index, am_error *error);

/* Checks every parameter against its range; E_ARG names it. */
AM_CHECK_RESULT am_status am__params_check(const am_params *params, am_error *error);

#endif
