/*
 * Whisper's byte-level BPE both ways, and the special tokens.
 *
 * The vocabulary alone defines the encoding: as in tiktoken, the pair to merge next is the one
 * whose concatenation has the lowest id, so no merges list is needed and every model format gives
 * the same tokens. Immutable after creation; any number of threads.
 */
#ifndef AM_TEXT_TOKENIZER_H
#define AM_TEXT_TOKENIZER_H

#include "base/buf.h"
#include "text/languages.h"

typedef struct am_tokenizer am_tokenizer;

/* One token's bytes, not zero-terminated. */
typedef struct am_token_bytes {
    const char *bytes;
    uint32_t n_bytes;
} am_token_bytes;

typedef struct am_special_tokens {
    int32_t eot, sot, translate, transcribe, sot_lm, sot_prev, no_speech, no_timestamps;
    int32_t timestamp_begin; /* <|0.00|>; each next id is 0.02 s later */
    int32_t first_language;  /* <|en|>; -1 in an English-only model */
    int32_t n_languages;     /* 99, 100 from 51866 tokens on, 0 when English-only */
} am_special_tokens;

/*
 * `tokens` [n_tokens], borrowed for the tokenizer's life; ids follow from the vocabulary size as
 * in openai/whisper (51864 = English-only, 51865 = 99 languages, 51866 = 100).
 */
AM_CHECK_RESULT am_status am__tokenizer_new(const am_token_bytes *tokens, size_t n_tokens,
                                            am_tokenizer **tokenizer, am_error *error);
void am__tokenizer_free(am_tokenizer **tokenizer);

const am_special_tokens *am__tokenizer_specials(const am_tokenizer *tokenizer);
size_t am__tokenizer_size(const am_tokenizer *tokenizer);

/* Token of a language code ("en"), or -1: unknown, or an English-only model. */
int32_t am__tokenizer_language_token(const am_tokenizer *tokenizer, const char *code);

/* A growing list of token ids. */
typedef struct am_tokens {
    int32_t *ids;
    size_t n, capacity;
} am_tokens;
void am__tokens_free(am_tokens *tokens);
AM_CHECK_RESULT am_status am__tokens_push(am_tokens *tokens, int32_t id, am_error *error);
AM_CHECK_RESULT am_status am__tokens_append(am_tokens *tokens, const int32_t *ids, size_t n,
                                            am_error *error);

/* Appends the tokens of ordinary text (special tokens in it are text, not specials). `tokens` is
 * unchanged on failure. E_LIMIT past 64 MiB, E_MEMORY. */
AM_CHECK_RESULT am_status am__tokenizer_encode(const am_tokenizer *tokenizer, const char *text,
                                               size_t n_bytes, am_tokens *tokens, am_error *error);

/* Appends the bytes of tokens below eot (specials and timestamps are skipped). The bytes may end
 * inside a code point: am__utf8_repair where text leaves the library. E_ARG for an id outside the
 * vocabulary. */
AM_CHECK_RESULT am_status am__tokenizer_decode(const am_tokenizer *tokenizer, const int32_t *ids,
                                               size_t n, am_buf *text, am_error *error);

/* The bytes of one token, those of a special one being its name: at most `capacity` are written, *n
 * is how many there are. E_ARG for an id outside the vocabulary. */
AM_CHECK_RESULT am_status am__tokenizer_text(const am_tokenizer *tokenizer, int32_t id,
                                             char *bytes, size_t capacity, size_t *n,
                                             am_error *error);

/* openai/whisper's non_speech_tokens: symbols and bracketed sounds to suppress. Sorted, no
 * duplicates; borrowed. */
const int32_t *am__tokenizer_non_speech(const am_tokenizer *tokenizer, size_t *n);

/* Tokens of " " and eot: what suppress_blank forbids at the first position. */
const int32_t *am__tokenizer_blank(const am_tokenizer *tokenizer, size_t *n);

/* One word of a token sequence for word times. */
typedef struct am_token_word {
    const char *text;       /* borrowed from the am_token_words; UTF-8, repaired */
    size_t first, n_tokens; /* in the given ids */
} am_token_word;

typedef struct am_token_words {
    am_token_word *words;
    size_t n_words;
    char *text; /* the words' texts, each with its zero */
} am_token_words;

/*
 * openai/whisper's split_to_word_tokens: by spaces, or by code points for languages written
 * without them (zh, ja, th, lo, my, yue); `language` NULL means by spaces. Special tokens are
 * words by themselves, with their text. Every token is in exactly one word, in order, and no
 * word ends inside a code point. `words` is written only on AM_OK.
 */
AM_CHECK_RESULT am_status am__tokenizer_split_words(const am_tokenizer *tokenizer,
                                                    const int32_t *ids, size_t n,
                                                    const char *language, am_token_words *words,
                                                    am_error *error);
void am__token_words_free(am_token_words *words);

#endif
