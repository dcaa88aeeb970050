/*
 * Word times by dynamic time warping over cross-attention: the text of a window is run through
 * the decoder once more, the attention of the alignment heads says when each token was heard.
 * Reference: openai/whisper timing.py, find_alignment, median_filter, dtw, merge_punctuations;
 * Sakoe and Chiba 1978 for the warping.
 */
#ifndef AM_SEGMENTS_ALIGN_H
#define AM_SEGMENTS_ALIGN_H

#include "decoder/plan.h"
#include "decoder/search.h"

/* A word and when it was heard, relative to the start of its window. */
typedef struct am_timed_word {
    size_t text, text_end; /* bytes in am_aligner_text */
    size_t n_tokens;       /* of the window's text tokens, in order; 0 after a merge */
    double start, end;     /* seconds */
    double probability;
} am_timed_word;

typedef struct am_aligner am_aligner;

/* Workspace for windows of up to n_text_ctx tokens; heads are borrowed. */
AM_CHECK_RESULT am_status am__aligner_new(const am_dims *dims, const am_head_id *heads,
                                          size_t n_heads, am_aligner **aligner, am_error *error);
void am__aligner_free(am_aligner **aligner);

typedef struct am_align_input {
    const int32_t *tokens; /* text tokens of the window: all below eot */
    size_t n_tokens;
    size_t n_frames;       /* content frames of the window */
    const am_cross *cross;
    size_t n_ctx;          /* positions of `cross` */
} am_align_input;

/* *words [*n_words], borrowed until the next call. */
AM_CHECK_RESULT am_status am__align_words(am_aligner *aligner, am_search *search,
                                          const am_exec *exec, const am_plan *plan,
                                          const am_align_input *input, am_timed_word **words,
                                          size_t *n_words, am_error *error);

/* Joins punctuation to the word it belongs to; emptied words keep their place with no text. */
void am__merge_punctuations(const am_aligner *aligner, am_timed_word *words, size_t n_words,
                            const char *prepended, const char *appended);

/* The bytes the words' text positions refer to. */
const char *am__aligner_text(const am_aligner *aligner);

/* Whether a word's text, stripped of blanks if asked, is a substring of `set` (Python's `in`). */
bool am__word_in(const am_aligner *aligner, const am_timed_word *word, bool strip,
                 const char *set);

#endif
