/*
 * Tokens -> words, for word times: see tokenizer.h. Reference: openai/whisper tokenizer.py,
 * split_tokens_on_unicode and split_tokens_on_spaces.
 *
 * A subword is the shortest run of tokens that ends on the border of a code point. The original
 * finds it by decoding and looking for U+FFFD, which drops tokens when the bytes are not UTF-8;
 * here the borders come from the bytes, so that the words partition the tokens in any case.
 */
#include <string.h>

#include "base/utf8.h"
#include "text/tokenizer_state.h"
#include "text/unicode.h"

/* Bytes and tokens of a word while the words are found. */
typedef struct word_range {
    size_t first_byte, end_byte;
    size_t first, n_tokens;
} word_range;

static bool written_without_spaces(const char *language) {
    static const char *const codes[] = {"zh", "ja", "th", "lo", "my", "yue"};
    if (language == NULL) return false;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (strcmp(codes[i], language) == 0) return true;
    }
    return false;
}

/* `subword.strip() in string.punctuation` of Python: any run of that string, the empty one too. */
static bool is_punctuation(const char *text, size_t n) {
    static const char punctuation[] = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
    const am_text_span bare = am__unicode_strip(text, n);
    for (size_t at = 0; at + bare.n_bytes <= sizeof punctuation - 1; at++) {
        if (memcmp(punctuation + at, bare.text, bare.n_bytes) == 0) return true;
    }
    return false;
}

static am_status append_token(const am_tokenizer *tokenizer, int32_t id, am_buf *text,
                              am_error *error) {
    if (id < tokenizer->specials.eot || (size_t)id >= tokenizer->n_tokens) {
        return am__tokenizer_decode(tokenizer, &id, 1, text, error);
    }
    char special[AM_SPECIAL_TEXT_MAX];
    const size_t n = am__special_text(&tokenizer->specials, id, special);
    return am__buf_append(text, special, n, error);
}

/* The first border of a code point at or behind `from`, which is one, and not before `to`. */
static size_t border_from(const am_buf *text, size_t from, size_t to) {
    size_t at = from;
    while (at < to) {
        uint32_t code;
        bool truncated;
        const size_t length =
            am__utf8_decode(text->data + at, text->n_bytes - at, &code, &truncated);
        at += length > 0 ? length : 1;
    }
    return at;
}

/* Ranges of the words; `token_ends` [n] is where each token's bytes end in `text`. */
static size_t find_ranges(const am_tokenizer *tokenizer, const int32_t *ids, size_t n,
                          bool by_spaces, const am_buf *text, const size_t *token_ends,
                          word_range *ranges) {
    size_t n_ranges = 0;
    size_t border = 0;
    word_range subword = {0};
    for (size_t i = 0; i < n; i++) {
        subword.n_tokens++;
        border = border_from(text, border, token_ends[i]);
        if (border != token_ends[i]) continue;
        subword.end_byte = border;

        const char *bytes = am__buf_string(text) + subword.first_byte;
        const size_t n_bytes = subword.end_byte - subword.first_byte;
        const bool begins_word = n_ranges == 0 || !by_spaces ||
                                 ids[subword.first] >= tokenizer->specials.eot ||
                                 (n_bytes > 0 && bytes[0] == ' ') || is_punctuation(bytes, n_bytes);
        if (begins_word) {
            ranges[n_ranges++] = subword;
        } else {
            ranges[n_ranges - 1].end_byte = subword.end_byte;
            ranges[n_ranges - 1].n_tokens += subword.n_tokens;
        }
        subword = (word_range){.first_byte = border, .end_byte = border, .first = i + 1};
    }
    return n_ranges;
}

/* Copies the texts, repaired and zero-terminated, and points the words at them. */
static am_status fill_words(const am_buf *text, const word_range *ranges, am_token_words *words,
                            am_error *error) {
    size_t n_bytes;
    if (!am__mul(text->n_bytes, 3, &n_bytes) || !am__add(n_bytes, words->n_words, &n_bytes)) {
        AM_FAIL(error, AM_E_MEMORY, "words of %zu bytes", text->n_bytes);
    }
    AM_TRY(AM_NEW_RAW(&words->text, n_bytes, error));
    char *out = words->text;
    for (size_t i = 0; i < words->n_words; i++) {
        words->words[i] = (am_token_word){out, ranges[i].first, ranges[i].n_tokens};
        out += 1 + am__utf8_repair(am__buf_string(text) + ranges[i].first_byte,
                                   ranges[i].end_byte - ranges[i].first_byte, out);
    }
    return AM_OK;
}

am_status am__tokenizer_split_words(const am_tokenizer *tokenizer, const int32_t *ids, size_t n,
                                    const char *language, am_token_words *words, am_error *error) {
    am_status status = AM_OK;
    am_buf text;
    am_token_words found = {0};
    size_t *token_ends = NULL;
    word_range *ranges = NULL;
    am__buf_init(&text, SIZE_MAX / 4);
    AM_TRY_DONE(AM_NEW_RAW(&token_ends, n, error));
    AM_TRY_DONE(AM_NEW_RAW(&ranges, n, error));
    for (size_t i = 0; i < n; i++) {
        AM_TRY_DONE(append_token(tokenizer, ids[i], &text, error));
        token_ends[i] = text.n_bytes;
    }
    found.n_words = find_ranges(tokenizer, ids, n, !written_without_spaces(language), &text,
                                token_ends, ranges);
    AM_TRY_DONE(AM_NEW_RAW(&found.words, found.n_words, error));
    AM_TRY_DONE(fill_words(&text, ranges, &found, error));
    *words = found;
    found = (am_token_words){0};
done:
    am__token_words_free(&found);
    am__free(ranges);
    am__free(token_ends);
    am__buf_free(&text);
    return status;
}

void am__token_words_free(am_token_words *words) {
    am__free(words->words);
    am__free(words->text);
    *words = (am_token_words){0};
}
