/*
 * Decoding one window with temperature fallback: the search is repeated at the next temperature
 * when its text repeats itself or is improbable. Reference: openai/whisper transcribe.py,
 * decode_with_fallback.
 */
#ifndef AM_DECODER_FALLBACK_H
#define AM_DECODER_FALLBACK_H

#include "decoder/plan.h"
#include "decoder/search.h"
#include "text/compress.h"

typedef struct am_decoded {
    am_tokens tokens;         /* owned, reused from window to window */
    double temperature;
    double avg_logprob;
    double no_speech_prob;
    double compression_ratio;
} am_decoded;

typedef struct am_window_input {
    const int32_t *history;   /* text before the window, [n_history] */
    size_t n_history;
    bool first;               /* the prefix goes here */
    uint64_t seed;
    const am_cross *cross;
    bool (*cancel)(void *user);
    void *user;
} am_window_input;

/* Buffers of the fallback loop, kept between windows. */
typedef struct am_fallback {
    am_tokens prompt;
    am_buf text;
    am_compressor *compressor;
} am_fallback;

AM_CHECK_RESULT am_status am__fallback_init(am_fallback *fallback, am_error *error);
void am__fallback_free(am_fallback *fallback);
void am__decoded_free(am_decoded *decoded);

AM_CHECK_RESULT am_status am__decode_window(am_fallback *fallback, am_search *search,
                                            const am_exec *exec, const am_plan *plan,
                                            const am_window_input *input, am_decoded *decoded,
                                            am_error *error);

#endif
