/*
 * The split of GPT-2 that comes before BPE: merges never cross the border of a piece.
 * Reference: openai/gpt-2 src/encoder.py, the same pattern in openai/whisper tokenizer.py.
 */
#ifndef AM_TEXT_PRETOKENIZE_H
#define AM_TEXT_PRETOKENIZE_H

#include <stddef.h>

/*
 * Length in bytes, at least 1, of the piece that begins text[0 … n-1], n >= 1, as
 *     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 * matches it. Ill-formed bytes count as characters that are no space, letter or number.
 */
size_t am__pretokenize(const char *text, size_t n);

#endif
