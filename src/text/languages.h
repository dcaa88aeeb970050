/* The languages of Whisper in the order of its vocabulary; lookups are in amanuensis.h. */
#ifndef AM_TEXT_LANGUAGES_H
#define AM_TEXT_LANGUAGES_H

#include <stdbool.h>
#include <stddef.h>

#define AM_N_LANGUAGES 100 /* the last, "yue", only in vocabularies of 51866 tokens */

/* Code of language number `index`, or NULL from AM_N_LANGUAGES on. */
const char *am__language_code_at(size_t index);

/* ASCII letters of either case are equal; language codes and names have no others. */
bool am__equal_ignoring_case(const char *a, const char *b);

#endif
