/* What a tokenizer holds: shared by the files of this room only. */
#ifndef AM_TEXT_TOKENIZER_STATE_H
#define AM_TEXT_TOKENIZER_STATE_H

#include "text/tokenizer.h"

#define AM_NON_SPEECH_MAX 128 /* 50 symbols, each with and without a space before it, fewer found  \
                               */
#define AM_SPECIAL_TEXT_MAX 32

struct am_tokenizer {
    const am_token_bytes *tokens; /* [n_tokens], borrowed */
    size_t n_tokens;
    uint32_t n_bytes_longest; /* of an ordinary token */
    int32_t *slots;           /* [n_slots] hash table of ordinary tokens by bytes; -1 = free */
    size_t n_slots;           /* a power of two */
    am_special_tokens specials;
    int32_t non_speech[AM_NON_SPEECH_MAX];
    size_t n_non_speech;
    int32_t blank[2];
};

/* Ids by vocabulary size: E_UNSUPPORTED for a size that no Whisper model has. */
AM_CHECK_RESULT am_status am__specials_of(size_t n_tokens, am_special_tokens *specials,
                                          am_error *error);

/* Text of a token from eot on, "<|en|>", "<|1.08|>"; returns its length. */
size_t am__special_text(const am_special_tokens *specials, int32_t id,
                        char text[AM_SPECIAL_TEXT_MAX]);

/* Fills non_speech and blank; needs a tokenizer that can encode. */
AM_CHECK_RESULT am_status am__find_suppressed(am_tokenizer *tokenizer, am_error *error);

#endif
