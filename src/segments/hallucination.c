/* Segments invented over silence: see draft.h. Constants are the original's (transcribe.py). */
#include <math.h>

#include "features/mel.h"
#include "segments/draft.h"
#include "segments/frames.h"

/* The original's set: both punctuation defaults side by side. */
static const char punctuation[] = "\"'“¿([{-\"'.。,，!！?？:：”)]}、";

#define WORDS_JUDGED 8

/* Very long, very short or improbable words raise the score. */
static double anomaly_score(const am_timed_word *word) {
    const double duration = word->end - word->start;
    double score = word->probability < 0.15 ? 1.0 : 0.0;
    if (duration < 0.133) score += (0.133 - duration) * 15;
    if (duration > 2.0) score += duration - 2.0;
    return score;
}

static bool is_anomaly(const am_drafts *window, const am_aligner *aligner, const am_draft *draft) {
    if (draft == NULL || draft->n_words == 0) return false;
    double score = 0;
    size_t n_judged = 0;
    for (size_t i = 0; i < draft->n_words && n_judged < WORDS_JUDGED; i++) {
        const am_timed_word *word = &window->words[draft->first_word + i];
        if (am__word_in(aligner, word, false, punctuation)) continue;
        score += anomaly_score(word);
        n_judged++;
    }
    return score >= 3 || score + 0.01 >= (double)n_judged;
}

static const am_draft *next_with_words(const am_drafts *window, size_t from) {
    for (size_t d = from; d < window->n_drafts; d++) {
        if (window->drafts[d].n_words > 0) return &window->drafts[d];
    }
    return NULL;
}

static size_t frame_at(double seconds) {
    return (size_t)rint(seconds * AM_FRAMES_PER_SECOND);
}

/* Where the next window begins when the rest of this one is silence. */
static size_t skip_trailing_silence(const am_drafts *window, const am_silence_check *check) {
    const double end = am__window_speech_end(window);
    if (window->single_timestamp_ending || end <= window->time_offset) return check->seek_next;
    const double window_end =
        (double)(window->seek + AM_WINDOW_FRAMES) / AM_FRAMES_PER_SECOND;
    if (window_end - end > check->threshold) return frame_at(end);
    return window->seek + window->n_frames;
}

size_t am__drop_hallucinations(am_drafts *window, const am_silence_check *check, bool *repeat) {
    const double threshold = check->threshold;
    const double window_end = (double)(window->seek + AM_WINDOW_FRAMES) / AM_FRAMES_PER_SECOND;
    const double content_end =
        window->time_offset + (double)window->n_frames / AM_FRAMES_PER_SECOND;
    size_t seek = skip_trailing_silence(window, check);
    *repeat = false;
    const am_draft *first = next_with_words(window, 0);
    if (first != NULL && is_anomaly(window, check->aligner, first)) {
        const double gap = first->start - window->time_offset;
        if (gap > threshold) {
            *repeat = true;
            return window->seek + frame_at(gap);
        }
    }
    double last_end = check->last_speech;
    for (size_t d = 0; d < window->n_drafts; d++) {
        const am_draft *draft = &window->drafts[d];
        if (draft->n_words == 0) continue;
        if (is_anomaly(window, check->aligner, draft)) {
            const am_draft *next = next_with_words(window, d + 1);
            const double next_start =
                next != NULL ? window->words[next->first_word].start : content_end;
            const bool silence_before = draft->start - last_end > threshold ||
                                        draft->start < threshold ||
                                        draft->start - window->time_offset < 2.0;
            const bool silence_after = next_start - draft->end > threshold ||
                                       is_anomaly(window, check->aligner, next) ||
                                       window_end - draft->end < 2.0;
            if (silence_before && silence_after) {
                seek = frame_at(fmax(window->time_offset + 1, draft->start));
                const bool at_end =
                    check->total_frames != SIZE_MAX &&
                    (double)check->total_frames / AM_FRAMES_PER_SECOND - draft->end < threshold;
                if (at_end) seek = check->total_frames;
                window->n_drafts = d;
                break;
            }
        }
        last_end = draft->end;
    }
    return seek;
}
