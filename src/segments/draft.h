/*
 * The segments of one window while they are being made: cut out of its tokens by the timestamps
 * among them, then given word times, then checked for hallucinations.
 */
#ifndef AM_SEGMENTS_DRAFT_H
#define AM_SEGMENTS_DRAFT_H

#include "segments/align.h"

typedef struct am_draft {
    double start, end;               /* seconds of the recording */
    size_t first_token, n_tokens;    /* of the window's tokens, timestamps included */
    size_t first_word, n_words;      /* of the window's words */
} am_draft;

typedef struct am_drafts {
    size_t seek, n_frames;           /* of the recording, and content frames in the window */
    double time_offset;              /* seconds: seek / 100 */
    const int32_t *tokens;           /* as decoded, borrowed */
    size_t n_tokens;
    am_draft *drafts;                /* [n_drafts], room for n_text_ctx */
    size_t n_drafts;
    am_timed_word *words;            /* [n_words], times of the recording; room for n_text_ctx */
    size_t n_words;
    bool single_timestamp_ending;    /* nothing is spoken after the last timestamp */
} am_drafts;

/*
 * Cuts the tokens at pairs of timestamps into drafts. Returns the frame where the next window
 * begins. Reference: openai/whisper transcribe.py, the loop over consecutive timestamps.
 */
size_t am__cut_window(am_drafts *window, const am_special_tokens *specials);

/*
 * Gives the drafts their words from `timed` [n_timed], times relative to the window, punctuation
 * merged, and lets words and drafts correct each other's edges. `durations` are measured before
 * the merge: see am__word_durations. Updates *last_speech. Reference: timing.py,
 * add_word_timestamps.
 */
typedef struct am_word_durations {
    double median, longest;
} am_word_durations;

am_word_durations am__word_durations(const am_timed_word *words, size_t n_words, double *scratch);
void am__shorten_sentence_edges(const am_aligner *aligner, am_timed_word *words, size_t n_words,
                                const am_word_durations *durations);
void am__place_words(am_drafts *window, const am_special_tokens *specials,
                     const am_timed_word *timed, size_t n_timed,
                     const am_word_durations *durations, double last_speech);

/* End of the last word, or of the last draft when none has words; -1 without drafts. */
double am__window_speech_end(const am_drafts *window);

/*
 * Drops drafts that look invented: improbable or oddly long words amid silence longer than
 * `threshold` seconds. Returns the frame where the next window begins (`seek_next` unless changed)
 * and sets *repeat when the window must be decoded again from there, with nothing kept.
 * Reference: transcribe.py, hallucination_silence_threshold.
 */
typedef struct am_silence_check {
    const am_aligner *aligner;
    double threshold;
    double last_speech;
    size_t seek_next;
    size_t total_frames; /* of the recording; SIZE_MAX = not known yet */
} am_silence_check;

size_t am__drop_hallucinations(am_drafts *window, const am_silence_check *check, bool *repeat);

#endif
