/*
 * Decoding one window with temperature fallback: the search is repeated at the next temperature
 * when its text repeats itself or is improbable. The search runs in a slot beside those of other
 * windows; the caller steps them all. Reference: openai/whisper transcribe.py,
 * decode_with_fallback.
 */
#ifndef AM_DECODER_FALLBACK_H
#define AM_DECODER_FALLBACK_H

#include "decoder/plan.h"
#include "decoder/search.h"
#include "text/compress.h"

typedef struct am_decoded {
    am_tokens tokens; /* owned, reused from window to window */
    float *logprobs;  /* [tokens.n] of them; likewise */
    size_t n_logprobs_max;
    double temperature;
    double avg_logprob;
    double no_speech_prob;
    double compression_ratio;
    bool loops;       /* cut short because it only repeated itself, which `stop_loops` allows */
} am_decoded;

typedef struct am_window_input {
    const int32_t *history; /* text before the window, [n_history]; read by am__attempt_begin */
    size_t n_history;
    bool first;             /* the prefix goes here */
    uint64_t seed;
    bool stop_loops;        /* as am_search_options */
    const am_cross *cross;
} am_window_input;

/* The state of one window's attempts; buffers are kept from window to window. */
typedef struct am_attempt {
    size_t slot;         /* of the search */
    int n_tried;         /* temperatures */
    uint64_t seed;
    bool stop_loops;
    am_search_input search_input;
    am_tokens prompt;
    am_buf text;
    am_compressor *compressor;
    am_decoded decoded;  /* of the last temperature tried */
} am_attempt;

AM_CHECK_RESULT am_status am__attempt_init(am_attempt *attempt, size_t slot, am_error *error);
void am__attempt_free(am_attempt *attempt);

/* Begins the search of a window in the attempt's slot, at the first temperature. */
AM_CHECK_RESULT am_status am__attempt_begin(am_attempt *attempt, am_search *search,
                                            const am_plan *plan, const am_window_input *input,
                                            am_error *error);

/*
 * When the slot's search is done: takes its result into `decoded`; *again when it failed the gates
 * and the search at the next temperature has begun. E_INTERNAL when the search has no result.
 */
AM_CHECK_RESULT am_status am__attempt_take(am_attempt *attempt, am_search *search,
                                           const am_plan *plan, bool *again, am_error *error);

#endif
