/*
 * The GPT-2 split by hand: see pretokenize.h.
 *
 * The pattern's alternatives reduce to three cases by the class of the first character:
 * an apostrophe may start a contraction; a run of one class, with one U+0020 before it or not,
 * is a piece; a run of spaces leaves its last character to the piece that follows it.
 */
#include "text/pretokenize.h"

#include <string.h>

#include "text/unicode.h"

/* Class of the character at text[0 … n-1], n >= 1, and its length. */
static am_char_class class_at(const char *text, size_t n, size_t *length) {
    uint32_t code;
    bool truncated;
    *length = am__utf8_decode(text, n, &code, &truncated);
    if (*length > 0) return am__unicode_class(code);
    *length = 1;
    return AM_CHAR_OTHER;
}

/* Length of the run of one class; *last is the length of its last character. */
static size_t run_length(const char *text, size_t n, am_char_class class, size_t *last) {
    size_t at = 0;
    *last = 0;
    while (at < n) {
        size_t length;
        if (class_at(text + at, n - at, &length) != class) break;
        at += length;
        *last = length;
    }
    return at;
}

static size_t contraction_length(const char *text, size_t n) {
    static const char *const contractions[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
    for (size_t i = 0; i < sizeof contractions / sizeof contractions[0]; i++) {
        const size_t length = strlen(contractions[i]);
        if (length <= n && memcmp(text, contractions[i], length) == 0) return length;
    }
    return 0;
}

size_t am__pretokenize(const char *text, size_t n) {
    size_t last;
    size_t length;
    const size_t contraction = contraction_length(text, n);
    if (contraction > 0) return contraction;

    const size_t space = text[0] == ' ' && n > 1 ? 1 : 0;
    const am_char_class class = class_at(text + space, n - space, &length);
    if (class != AM_CHAR_SPACE) return space + run_length(text + space, n - space, class, &last);

    const size_t spaces = run_length(text, n, AM_CHAR_SPACE, &last);
    return spaces == n || spaces == last ? spaces : spaces - last;
}
