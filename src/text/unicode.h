/*
 * The few Unicode properties text needs: letters and numbers (general categories L and N) for
 * the tokenizer's split, white space for it and for trimming as Python's str.strip does.
 */
#ifndef AM_TEXT_UNICODE_H
#define AM_TEXT_UNICODE_H

#include "base/utf8.h"

typedef enum am_char_class {
    AM_CHAR_OTHER,
    AM_CHAR_LETTER,
    AM_CHAR_NUMBER,
    AM_CHAR_SPACE,
} am_char_class;

/* Space is the property White_Space: what \s means in the split's regular expression. */
am_char_class am__unicode_class(uint32_t code);

/* str.isspace of Python: White_Space and the separators U+001C … U+001F. */
bool am__unicode_python_space(uint32_t code);

/* A piece of a text that is owned elsewhere. */
typedef struct am_text_span {
    const char *text;
    size_t n_bytes;
} am_text_span;

/* str.strip, str.lstrip of Python. Ill-formed bytes are not space. */
am_text_span am__unicode_strip(const char *text, size_t n);
am_text_span am__unicode_strip_left(const char *text, size_t n);

#endif
