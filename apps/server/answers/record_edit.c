/*
 * Edited transcripts: see record.h.
 *
 * Subtitles are cut and lit by words, so an edit must not lose their times: words that the text
 * still begins and ends with keep theirs, and what was written between shares the time of what
 * stood there, by its length.
 */
#include <math.h>
#include <string.h>

#include "common/heap.h"
#include "common/report.h"
#include "server/answers/record.h"

#define N_SEGMENTS_MAX 100000
#define TEXT_BYTES_MAX 100000
#define SPEAKER_BYTES_MAX 200
#define SECONDS_MAX 1e7
#define ALMOST 0.001 /* times are sent in milliseconds */

/* ---- Characters ---------------------------------------------------------------------------- */

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The character at `at`, of a string that is UTF-8. */
static uint32_t character(const char *at) {
    const unsigned char *s = (const unsigned char *)at;
    if (s[0] < 0x80) return s[0];
    if (s[0] < 0xe0) return (uint32_t)(s[0] & 0x1f) << 6 | (s[1] & 0x3fu);
    if (s[0] < 0xf0) {
        return (uint32_t)(s[0] & 0x0f) << 12 | (uint32_t)(s[1] & 0x3f) << 6 | (s[2] & 0x3fu);
    }
    return (uint32_t)(s[0] & 0x07) << 18 | (uint32_t)(s[1] & 0x3f) << 12 |
           (uint32_t)(s[2] & 0x3f) << 6 | (s[3] & 0x3fu);
}

static const char *before(const char *at) {
    do at--;
    while (((unsigned char)*at & 0xc0) == 0x80);
    return at;
}

/* Scripts that put no spaces between words: Thai, Lao, Burmese, Khmer, Chinese, Japanese. */
static bool is_unspaced(uint32_t c) {
    return (c >= 0x0e00 && c < 0x0f00) || (c >= 0x1000 && c < 0x10a0) ||
           (c >= 0x1780 && c < 0x1800) || (c >= 0x2e80 && c < 0xa000) ||
           (c >= 0xf900 && c < 0xfb00) || (c >= 0xff00 && c < 0xff70) || c >= 0x20000;
}

/* Whether a word may begin at byte `at` of the text, whatever its neighbours are. */
static bool is_border(const char *text, size_t n, size_t at) {
    return at == 0 || at == n || is_space(text[at]) || is_space(text[at - 1]) ||
           is_unspaced(character(text + at)) || is_unspaced(character(before(text + at)));
}

/* ---- Words --------------------------------------------------------------------------------- */

typedef struct old_word {
    const char *text; /* without space around */
    size_t n;
    double start, end, probability;
    const char *speaker;
} old_word;

typedef struct edit {
    const char *text; /* of the segment, without space around */
    size_t n;
    double start, end;
    const char *speaker;
    old_word *words; /* that stood there */
    size_t n_words;
    json_t *made;    /* words of the segment */
} edit;

static void trim(const char **at, size_t *n) {
    while (*n > 0 && is_space(**at)) {
        (*at)++;
        (*n)--;
    }
    while (*n > 0 && is_space((*at)[*n - 1])) (*n)--;
}

static void put(const edit *e, size_t from, size_t to, double start, double end,
                double probability, const char *speaker) {
    const bool space = from == 0 ? !is_unspaced(character(e->text)) : is_space(e->text[from - 1]);
    json_t *word = json_pack("{s:o, s:f, s:f, s:f, s:s?}", "text",
                             json_sprintf("%s%.*s", space ? " " : "", (int)(to - from),
                                          e->text + from),
                             "start", start, "end", end, "probability", probability, "speaker",
                             speaker);
    if (word != NULL) json_array_append_new(e->made, word);
}

/* Whether word `index` stands at byte `at`: some words are written without a space between. */
static bool goes_on(const edit *e, size_t index, size_t at) {
    if (index >= e->n_words) return false;
    const old_word *word = &e->words[index];
    return word->n > 0 && word->n <= e->n - at && memcmp(e->text + at, word->text, word->n) == 0;
}

/* Whether word `index` ends before byte `at`. */
static bool ends_with(const edit *e, size_t index, size_t at) {
    const size_t n = e->words[index].n;
    return n <= at && goes_on(e, index, at - n);
}

/* How many words the text begins with; *at: bytes they take. */
static size_t match_front(const edit *e, size_t *at) {
    size_t n_same = 0;
    *at = 0;
    while (n_same < e->n_words) {
        const old_word *word = &e->words[n_same];
        size_t from = *at;
        while (from < e->n && is_space(e->text[from])) from++;
        const size_t to = from + word->n;
        if (to > e->n || word->n == 0 || memcmp(e->text + from, word->text, word->n) != 0) break;
        if (!is_border(e->text, e->n, to) && !goes_on(e, n_same + 1, to)) break;
        put(e, from, to, word->start, word->end, word->probability, word->speaker);
        *at = to;
        n_same++;
    }
    return n_same;
}

/* Same from the end, down to `least`. *to: where they begin. */
static size_t match_back(const edit *e, size_t n_front, size_t least, size_t *to) {
    size_t n_same = 0;
    *to = e->n;
    while (n_front + n_same < e->n_words) {
        const old_word *word = &e->words[e->n_words - 1 - n_same];
        size_t end = *to;
        while (end > least && is_space(e->text[end - 1])) end--;
        if (end - least < word->n || word->n == 0) break;
        const size_t from = end - word->n;
        if (memcmp(e->text + from, word->text, word->n) != 0) break;
        const size_t before_it = e->n_words - 1 - n_same;
        const bool follows = before_it > 0 && ends_with(e, before_it - 1, from);
        if (!is_border(e->text, e->n, from) && !follows) break;
        *to = from;
        n_same++;
    }
    return n_same;
}

/* Words of text[from … to-1], which stand where old ones first … last-1 stood. */
static void spread(const edit *e, size_t from, size_t to, size_t first, size_t last) {
    double start = first > 0 ? e->words[first - 1].end : e->start;
    double end = last < e->n_words ? e->words[last].start : e->end;
    if (last > first) {
        start = e->words[first].start;
        end = e->words[last - 1].end;
    }
    if (end < start) end = start;
    size_t n_letters = 0;
    for (size_t i = from; i < to; i++) n_letters += !is_space(e->text[i]);
    size_t done = 0;
    while (from < to) {
        while (from < to && is_space(e->text[from])) from++;
        size_t stop = from;
        while (stop < to && !is_space(e->text[stop])) stop++;
        if (stop == from) break;
        const double length = (end - start) / (double)n_letters;
        const double word_start = start + length * (double)done;
        done += stop - from;
        put(e, from, stop, word_start, start + length * (double)done, 1.0, e->speaker);
        from = stop;
    }
}

static void put_back(const edit *e, size_t at, size_t n_back) {
    for (size_t i = e->n_words - n_back; i < e->n_words; i++) {
        const old_word *word = &e->words[i];
        while (at < e->n && is_space(e->text[at])) at++;
        put(e, at, at + word->n, word->start, word->end, word->probability, word->speaker);
        at += word->n;
    }
}

static void make_words(const edit *e) {
    size_t from = 0;
    size_t to = 0;
    if (e->n_words == 0 || e->n == 0) return;
    const size_t n_front = match_front(e, &from);
    const size_t n_back = match_back(e, n_front, from, &to);
    spread(e, from, to, n_front, e->n_words - n_back);
    put_back(e, to, n_back);
}

/* ---- Segments ------------------------------------------------------------------------------ */

static double number(const json_t *object, const char *name) {
    const json_t *value = json_object_get(object, name);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static void add_old_word(edit *e, const json_t *word) {
    const char *text = json_string_value(json_object_get(word, "text"));
    if (text == NULL) text = json_string_value(json_object_get(word, "word"));
    const double start = number(word, "start");
    const double end = number(word, "end");
    const double probability = number(word, "probability");
    if (text == NULL || !(start >= 0 && end >= start && end <= SECONDS_MAX)) return;
    old_word *old = &e->words[e->n_words++];
    *old = (old_word){text, strlen(text), start, end, isfinite(probability) ? probability : 1.0,
                      json_string_value(json_object_get(word, "speaker"))};
    trim(&old->text, &old->n);
}

/* Whether a word of the original stands in the edited segment. One without length at the end of its
 * own segment belongs to what ends there, not to what begins there. */
static bool stands_in(const edit *e, const json_t *word, const json_t *original) {
    const double middle = (number(word, "start") + number(word, "end")) / 2;
    const bool last = middle >= number(original, "end") - ALMOST;
    return last ? middle > e->start + ALMOST && middle <= e->end + ALMOST
                : middle >= e->start && middle < e->end;
}

/* The words the client sent with the segment, or else those the original has in its time. */
static am_status find_words(edit *e, const json_t *segment, const json_t *originals,
                            am_error *error) {
    const json_t *given = json_object_get(segment, "words");
    size_t n = json_array_size(given);
    size_t i;
    json_t *original;
    if (!json_is_array(given)) {
        json_array_foreach(originals, i, original) {
            n += json_array_size(json_object_get(original, "words"));
        }
    }
    e->words = heap_new((n + 1) * sizeof *e->words);
    if (e->words == NULL) return report_fail(error, AM_E_MEMORY, "an edit");
    json_t *word;
    json_array_foreach(given, i, word) add_old_word(e, word);
    if (json_is_array(given)) return AM_OK;
    json_array_foreach(originals, i, original) {
        size_t at;
        json_array_foreach(json_object_get(original, "words"), at, word) {
            if (stands_in(e, word, original)) add_old_word(e, word);
        }
    }
    return AM_OK;
}

static am_status check_segment(const json_t *segment, size_t index, double after, edit *e,
                               am_error *error) {
    const json_t *text = json_object_get(segment, "text");
    const json_t *speaker = json_object_get(segment, "speaker");
    *e = (edit){.start = number(segment, "start"), .end = number(segment, "end"),
                .text = json_string_value(text), .n = json_string_length(text),
                .speaker = json_string_value(speaker)};
    if (!json_is_object(segment) || e->text == NULL) {
        return report_fail(error, AM_E_ARG, "segments: number %zu has no text", index);
    }
    if (e->n > TEXT_BYTES_MAX || strlen(e->text) != e->n) {
        return report_fail(error, AM_E_ARG, "segments: the text of number %zu is too long", index);
    }
    if (!(e->start >= 0 && e->start <= e->end && e->end <= SECONDS_MAX)) {
        return report_fail(error, AM_E_ARG, "segments: number %zu: expected 0 <= start <= end",
                           index);
    }
    if (e->start < after - ALMOST) {
        return report_fail(error, AM_E_ARG, "segments: number %zu starts before the one before it",
                           index);
    }
    const bool named = json_is_string(speaker) && json_string_length(speaker) <= SPEAKER_BYTES_MAX;
    if (speaker != NULL && !json_is_null(speaker) && !named) {
        return report_fail(error, AM_E_ARG, "segments: the speaker of number %zu is no short text",
                           index);
    }
    trim(&e->text, &e->n);
    return AM_OK;
}

/* The original's segment that says most about this time: figures come from there. */
static const json_t *nearest(const json_t *originals, const edit *e) {
    const json_t *best = NULL;
    double most = -1;
    size_t i;
    json_t *original;
    json_array_foreach(originals, i, original) {
        const double shared = fmin(e->end, number(original, "end")) -
                              fmax(e->start, number(original, "start"));
        if (best != NULL && shared <= most) continue;
        best = original;
        most = shared;
    }
    return best;
}

static json_t *segment_of(const edit *e, const json_t *original) {
    static const char *const figures[] = {"seek", "avg_logprob", "no_speech_prob", "temperature",
                                          "compression_ratio"};
    const bool space = e->n > 0 && !is_unspaced(character(e->text));
    json_t *made = json_pack("{s:f, s:f, s:o, s:s?, s:O, s:[]}", "start", e->start, "end", e->end,
                             "text", json_sprintf("%s%.*s", space ? " " : "", (int)e->n, e->text),
                             "speaker", e->speaker, "words", e->made, "tokens");
    for (size_t i = 0; original != NULL && made != NULL && i < 5; i++) {
        (void)json_object_set(made, figures[i], json_object_get(original, figures[i]));
    }
    const json_t *text = json_object_get(original, "text");
    if (made != NULL && json_equal(text, json_object_get(made, "text"))) {
        (void)json_object_set(made, "tokens", json_object_get(original, "tokens"));
    }
    return made;
}

/* Words of the original are looked for near the segment only: whole transcripts stay linear. */
static json_t *around(const json_t *originals, double start, double end, size_t *from) {
    json_t *near = json_array();
    const size_t n = json_array_size(originals);
    while (*from < n && number(json_array_get(originals, *from), "end") < start) (*from)++;
    for (size_t i = *from > 0 ? *from - 1 : 0; i < n; i++) {
        json_t *original = json_array_get(originals, i);
        if (number(original, "start") > end && i > *from) break;
        json_array_append(near, original);
    }
    return near;
}

static am_status edit_segments(const json_t *segments, const json_t *originals, json_t *made,
                               am_error *error) {
    double after = 0;
    size_t from = 0;
    size_t i;
    json_t *segment;
    json_array_foreach(segments, i, segment) {
        edit e;
        REPORT_TRY(check_segment(segment, i, after, &e, error));
        after = e.start;
        e.made = json_array();
        json_t *near = around(originals, e.start, e.end, &from);
        am_status status = find_words(&e, segment, near, error);
        if (status == AM_OK) {
            make_words(&e);
            json_array_append_new(made, segment_of(&e, nearest(near, &e)));
        }
        heap_free(e.words);
        json_decref(e.made);
        json_decref(near);
        REPORT_TRY(status);
    }
    return AM_OK;
}

am_status record_edit(const json_t *transcript, const char *original, char **json,
                      am_error *error) {
    const json_t *segments = json_object_get(transcript, "segments");
    if (!json_is_array(segments)) {
        return report_fail(error, AM_E_ARG, "segments: expected a list");
    }
    if (json_array_size(segments) > N_SEGMENTS_MAX) {
        return report_fail(error, AM_E_ARG, "segments: more than %d", N_SEGMENTS_MAX);
    }
    json_t *record = json_loads(original, 0, NULL);
    if (record == NULL) return report_fail(error, AM_E_IO, "the kept result is damaged");
    json_t *made = json_array();
    am_status status = edit_segments(segments, json_object_get(record, "segments"), made, error);
    char *text = NULL;
    if (status == AM_OK && json_object_set(record, "segments", made) == 0) {
        text = json_dumps(record, JSON_COMPACT | JSON_REAL_PRECISION(12));
    }
    json_decref(made);
    json_decref(record);
    REPORT_TRY(status);
    if (text == NULL) return report_fail(error, AM_E_MEMORY, "an edit");
    *json = text;
    return AM_OK;
}
