/* Cues out of segments and words: see subtitles.h. */
#include "output/subtitles.h"

#include <inttypes.h>
#include <string.h>

#include "base/utf8.h"
#include "text/unicode.h"

#define NO_LIMIT 1000 /* the original's stand-in for an absent limit of a line */
#define LONG_PAUSE_S 3.0
#define N_CUE_BYTES_MAX ((size_t)256 << 20)

/* A word where it stands in the subtitle: its text is a part of the word's or all of it. */
typedef struct placed_word {
    const am_word *word;
    const char *speaker; /* of the word, else of its segment, else NULL */
    am_text_span text;
    bool new_line; /* a line break stands before it */
} placed_word;

typedef struct subtitler {
    size_t max_line_width, max_line_count, max_words; /* max_line_count 0 = no limit */
    bool preserve_segments; /* no subtitle reaches over the end of a segment */
    bool highlight;
    am_cue_fn *fn;
    void *context;
    am_error *error;
    placed_word *words; /* of the subtitle in hand */
    size_t n_words, capacity;
    size_t line_width, n_lines;
    double last_start; /* of the word before */
    am_buf text;       /* of the cue in hand */
} subtitler;

am_status am__append_timestamp(am_buf *text, int64_t ms, bool always_hours, char decimal_mark,
                               am_error *error) {
    if (always_hours || ms >= 3600000) {
        AM_TRY(am__buf_printf(text, error, "%02" PRId64 ":", ms / 3600000));
    }
    return am__buf_printf(text, error, "%02" PRId64 ":%02" PRId64 "%c%03" PRId64, ms / 60000 % 60,
                          ms / 1000 % 60, decimal_mark, ms % 1000);
}

/* ---- Cues -------------------------------------------------------------------------------- */

/* "-->" may not occur in a cue: hyphens before a '>' shrink to one. */
static void defuse_arrows(am_buf *text) {
    size_t to = 0;
    for (size_t from = 0; from < text->n_bytes; from++) {
        if (text->data[from] == '>') {
            while (to >= 2 && text->data[to - 1] == '-' && text->data[to - 2] == '-') to--;
        }
        text->data[to++] = text->data[from];
    }
    text->n_bytes = to;
    if (text->data != NULL) text->data[to] = '\0';
}

static am_status emit(subtitler *s, int64_t start_ms, int64_t end_ms) {
    defuse_arrows(&s->text);
    const am_cue cue = {start_ms, end_ms, am__buf_string(&s->text)};
    return s->fn(s->context, &cue, s->error);
}

static am_status append_span(subtitler *s, const char *text, size_t n) {
    return am__buf_append(&s->text, text, n, s->error);
}

/* As re.sub(r"^(\s*)(.*)$", r"\1<u>\2</u>", …) of the original: white space stays outside, and a
 * word with a line break inside is left alone. */
static am_status append_underlined(subtitler *s, am_text_span span) {
    const am_text_span bare = am__unicode_strip_left(span.text, span.n_bytes);
    const char *line_break = bare.n_bytes > 0 ? memchr(bare.text, '\n', bare.n_bytes) : NULL;
    size_t n_inside = bare.n_bytes;
    if (line_break != NULL) {
        n_inside = (size_t)(line_break - bare.text);
        if (n_inside + 1 < bare.n_bytes) return append_span(s, span.text, span.n_bytes);
    }
    AM_TRY(append_span(s, span.text, span.n_bytes - bare.n_bytes));
    AM_TRY(append_span(s, "<u>", 3));
    AM_TRY(append_span(s, bare.text, n_inside));
    AM_TRY(append_span(s, "</u>", 4));
    return append_span(s, bare.text + n_inside, bare.n_bytes - n_inside);
}

/* Makes the text of the subtitle in hand; word number `underlined` stands out. */
static am_status compose(subtitler *s, size_t underlined) {
    am__buf_clear(&s->text);
    AM_TRY(am__append_speaker(&s->text, s->words[0].speaker, s->error));
    for (size_t i = 0; i < s->n_words; i++) {
        if (s->words[i].new_line) AM_TRY(append_span(s, "\n", 1));
        if (i == underlined) {
            AM_TRY(append_underlined(s, s->words[i].text));
        } else {
            AM_TRY(append_span(s, s->words[i].text.text, s->words[i].text.n_bytes));
        }
    }
    return AM_OK;
}

/* The subtitle once per word, that word underlined, and plain in the pauses between them. */
static am_status emit_highlighted(subtitler *s) {
    int64_t last_ms = am__milliseconds(s->words[0].word->start);
    for (size_t i = 0; i < s->n_words; i++) {
        const int64_t start_ms = am__milliseconds(s->words[i].word->start);
        const int64_t end_ms = am__milliseconds(s->words[i].word->end);
        if (last_ms != start_ms) {
            AM_TRY(compose(s, SIZE_MAX));
            AM_TRY(emit(s, last_ms, start_ms));
        }
        AM_TRY(compose(s, i));
        AM_TRY(emit(s, start_ms, end_ms));
        last_ms = end_ms;
    }
    return AM_OK;
}

/* Hands on the subtitle in hand and starts the next. */
static am_status end_subtitle(subtitler *s) {
    if (s->n_words == 0) return AM_OK;
    if (s->highlight) {
        AM_TRY(emit_highlighted(s));
    } else {
        AM_TRY(compose(s, SIZE_MAX));
        AM_TRY(emit(s, am__milliseconds(s->words[0].word->start),
                    am__milliseconds(s->words[s->n_words - 1].word->end)));
    }
    s->n_words = 0;
    s->n_lines = 1;
    return AM_OK;
}

/* ---- Breaking by words ------------------------------------------------------------------- */

static am_status push_word(subtitler *s, const placed_word *word) {
    if (s->n_words == s->capacity) {
        const size_t capacity = s->capacity > 0 ? s->capacity * 2 : 64;
        placed_word *fresh = NULL;
        AM_TRY(AM_NEW_RAW(&fresh, capacity, s->error));
        if (s->n_words > 0) memcpy(fresh, s->words, s->n_words * sizeof *fresh);
        am__free(s->words);
        s->words = fresh;
        s->capacity = capacity;
    }
    s->words[s->n_words++] = *word;
    return AM_OK;
}

static am_status place_word(subtitler *s, const am_segment *segment, const am_word *word,
                            bool first_of_group) {
    const size_t n_bytes = strlen(word->text);
    const size_t width = am__utf8_length(word->text, n_bytes);
    const bool long_pause = !s->preserve_segments && word->start - s->last_start > LONG_PAUSE_S;
    const bool has_room = s->line_width + width <= s->max_line_width;
    const bool group_ends = first_of_group && s->n_words > 0 && s->preserve_segments;
    placed_word placed = {
        .word = word,
        .speaker = word->speaker != NULL ? word->speaker : segment->speaker,
        .text = {word->text, n_bytes},
    };
    if (s->line_width > 0 && has_room && !long_pause && !group_ends) {
        s->line_width += width;
    } else {
        placed.text = am__unicode_strip(word->text, n_bytes);
        const bool full = s->max_line_count > 0 && (long_pause || s->n_lines >= s->max_line_count);
        if (group_ends || (s->n_words > 0 && full)) {
            AM_TRY(end_subtitle(s));
        } else if (s->line_width > 0) {
            s->n_lines++;
            placed.new_line = true;
        }
        s->line_width = am__utf8_length(placed.text.text, placed.text.n_bytes);
    }
    s->last_start = word->start;
    return push_word(s, &placed);
}

static am_status walk_words(subtitler *s, const am_segment *segments, size_t n_segments) {
    bool first = true;
    for (size_t i = 0; i < n_segments; i++) {
        for (size_t w = 0; w < segments[i].n_words; w++) {
            const am_word *word = &segments[i].words[w];
            if (first) s->last_start = word->start;
            first = false;
            AM_TRY(place_word(s, &segments[i], word, w % s->max_words == 0));
        }
    }
    return end_subtitle(s);
}

static am_status walk_segments(subtitler *s, const am_segment *segments, size_t n_segments) {
    for (size_t i = 0; i < n_segments; i++) {
        am__buf_clear(&s->text);
        AM_TRY(am__append_speaker(&s->text, segments[i].speaker, s->error));
        AM_TRY(am__append_stripped(&s->text, segments[i].text, s->error));
        AM_TRY(emit(s, am__milliseconds(segments[i].start), am__milliseconds(segments[i].end)));
    }
    return AM_OK;
}

am_status am__subtitles_each(const am_result *result, const am_write_options *options,
                             am_cue_fn *fn, void *context, am_error *error) {
    const bool limited = options->max_line_width > 0 && options->max_line_count > 0;
    const int width = options->max_line_width > 0 ? options->max_line_width : NO_LIMIT;
    const int max_words = options->max_words_per_line > 0 ? options->max_words_per_line : NO_LIMIT;
    subtitler s = {
        .max_line_width = (size_t)width,
        .max_line_count = (size_t)options->max_line_count,
        .max_words = (size_t)max_words,
        .preserve_segments = !limited,
        .highlight = options->highlight_words,
        .fn = fn,
        .context = context,
        .error = error,
        .n_lines = 1,
    };
    am__buf_init(&s.text, N_CUE_BYTES_MAX);

    size_t n_segments;
    const am_segment *segments = am_result_segments(result, &n_segments);
    bool by_words = false;
    for (size_t i = 0; i < n_segments; i++) by_words = by_words || segments[i].n_words > 0;
    const am_status status =
        by_words ? walk_words(&s, segments, n_segments) : walk_segments(&s, segments, n_segments);
    am__free(s.words);
    am__buf_free(&s.text);
    return status;
}
