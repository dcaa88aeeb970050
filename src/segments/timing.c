/* Word times into segments: see draft.h. The corrections and their constants are the original's
 * (timing.py, add_word_timestamps). */
#include <math.h>
#include <stdlib.h>

#include "segments/draft.h"

static int compare_doubles(const void *a, const void *b) {
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

am_word_durations am__word_durations(const am_timed_word *words, size_t n_words, double *scratch) {
    size_t n = 0;
    for (size_t i = 0; i < n_words; i++) {
        const double duration = words[i].end - words[i].start;
        if (duration != 0) scratch[n++] = duration;
    }
    if (n == 0) return (am_word_durations){0, 0};
    qsort(scratch, n, sizeof *scratch, compare_doubles);
    const double middle =
        n % 2 == 1 ? scratch[n / 2] : (scratch[n / 2 - 1] + scratch[n / 2]) / 2;
    const double median = middle < 0.7 ? middle : 0.7;
    return (am_word_durations){median, 2 * median};
}

void am__shorten_sentence_edges(const am_aligner *aligner, am_timed_word *words, size_t n_words,
                                const am_word_durations *durations) {
    static const char marks[] = ".。!！?？";
    if (durations->longest <= 0) return;
    for (size_t i = 1; i < n_words; i++) {
        if (words[i].end - words[i].start <= durations->longest) continue;
        if (am__word_in(aligner, &words[i], false, marks)) {
            words[i].end = words[i].start + durations->longest;
        } else if (am__word_in(aligner, &words[i - 1], false, marks)) {
            words[i].start = words[i].end - durations->longest;
        }
    }
}

/* Times are multiples of 20 ms plus corrections: written with two decimals, as the original. */
static double round_time(double seconds) {
    return rint(seconds * 100) / 100;
}

static size_t count_text_tokens(const am_drafts *window, const am_draft *draft, int32_t eot) {
    size_t n = 0;
    for (size_t i = 0; i < draft->n_tokens; i++) {
        if (window->tokens[draft->first_token + i] < eot) n++;
    }
    return n;
}

/* After a pause the first one or two words often swallow the silence: cut them down. */
static void shorten_first_words(am_timed_word *words, size_t n, const am_word_durations *durations,
                                double last_speech) {
    const double longest = durations->longest;
    if (words[0].end - last_speech <= durations->median * 4) return;
    const bool first_long = words[0].end - words[0].start > longest;
    const bool both_long = n > 1 && words[1].end - words[0].start > longest * 2;
    if (!first_long && !both_long) return;
    if (n > 1 && words[1].end - words[1].start > longest) {
        const double boundary = fmax(words[1].end / 2, words[1].end - longest);
        words[0].end = boundary;
        words[1].start = boundary;
    }
    words[0].start = fmax(0, words[0].end - longest);
}

/* Segment and word edges: the words' are finer, unless a word is implausibly long there. */
static void reconcile_edges(am_draft *draft, am_timed_word *words, size_t n,
                            const am_word_durations *durations) {
    am_timed_word *first = &words[0];
    am_timed_word *last = &words[n - 1];
    if (draft->start < first->end && draft->start - 0.5 > first->start) {
        first->start = fmax(0, fmin(first->end - durations->median, draft->start));
    } else {
        draft->start = first->start;
    }
    if (draft->end > last->start && draft->end + 0.5 < last->end) {
        last->end = fmax(last->start + durations->median, draft->end);
    } else {
        draft->end = last->end;
    }
}

void am__place_words(am_drafts *window, const am_special_tokens *specials,
                     const am_timed_word *timed, size_t n_timed,
                     const am_word_durations *durations, double last_speech) {
    size_t next = 0;
    window->n_words = 0;
    for (size_t d = 0; d < window->n_drafts; d++) {
        am_draft *draft = &window->drafts[d];
        const size_t n_text = count_text_tokens(window, draft, specials->eot);
        draft->first_word = window->n_words;
        for (size_t n_saved = 0; next < n_timed && n_saved < n_text; next++) {
            n_saved += timed[next].n_tokens;
            if (timed[next].text == timed[next].text_end) continue;
            am_timed_word *word = &window->words[window->n_words++];
            *word = timed[next];
            word->start = round_time(window->time_offset + word->start);
            word->end = round_time(window->time_offset + word->end);
        }
        draft->n_words = window->n_words - draft->first_word;
        if (draft->n_words == 0) continue;
        am_timed_word *words = window->words + draft->first_word;
        shorten_first_words(words, draft->n_words, durations, last_speech);
        reconcile_edges(draft, words, draft->n_words, durations);
        last_speech = draft->end;
    }
}

double am__window_speech_end(const am_drafts *window) {
    for (size_t d = window->n_drafts; d > 0; d--) {
        const am_draft *draft = &window->drafts[d - 1];
        if (draft->n_words > 0) return window->words[draft->first_word + draft->n_words - 1].end;
    }
    return window->n_drafts > 0 ? window->drafts[window->n_drafts - 1].end : -1;
}
