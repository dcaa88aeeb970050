/* UTF-8 as RFC 3629 has it: no surrogates, no overlong forms, at most U+10FFFF. */
#ifndef AM_BASE_UTF8_H
#define AM_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Decodes one code point from text[0 … n-1], n >= 1. Returns its length 1 … 4 and sets *code, or
 * 0 when the bytes are not UTF-8 (or end inside a code point: then *truncated is true).
 */
size_t am__utf8_decode(const char *text, size_t n, uint32_t *code, bool *truncated);

/* Writes 1 … 4 bytes for a code point (U+FFFD for one that cannot be) and returns how many. */
size_t am__utf8_encode(uint32_t code, char out[4]);

/* Length of the longest prefix of text that does not end inside a code point. */
size_t am__utf8_whole_prefix(const char *text, size_t n);

/*
 * Copies n bytes to out, each maximal ill-formed part replaced by U+FFFD, as Python's
 * errors="replace" does. `out` holds 3 * n + 1 bytes; returns the length without the final zero.
 */
size_t am__utf8_repair(const char *text, size_t n, char *out);

size_t am__utf8_length(const char *text, size_t n); /* code points; ill-formed bytes count 1 */

#endif
