/*
 * Special tokens: ids, texts, and the lists a decoder suppresses.
 *
 * The ids behind the ordinary vocabulary follow one order in every model: endoftext,
 * startoftranscript, the languages, translate, transcribe, startoflm, startofprev, nospeech,
 * notimestamps, then 1501 timestamps. Reference: openai/whisper tokenizer.py.
 */
#include <stdio.h>
#include <stdlib.h>

#include "text/languages.h"
#include "text/tokenizer_state.h"

#define N_TIMESTAMPS 1501
#define N_TASK_TOKENS 6 /* translate … notimestamps */

/* English-only models carry the ids of 99 languages too, without ever using them. */
static int32_t n_language_ids(const am_special_tokens *specials) {
    return specials->translate - specials->sot - 1;
}

am_status am__specials_of(size_t n_tokens, am_special_tokens *specials, am_error *error) {
    if (n_tokens < 51864 || n_tokens > 51866) {
        AM_FAIL(error, AM_E_UNSUPPORTED, "vocabulary of %zu tokens: expected 51864, 51865 or 51866",
                n_tokens);
    }
    const bool multilingual = n_tokens > 51864;
    const int32_t n_languages = n_tokens == 51866 ? 100 : 99;
    const int32_t eot = (int32_t)n_tokens - N_TIMESTAMPS - N_TASK_TOKENS - n_languages - 2;
    const int32_t translate = eot + 2 + n_languages;
    *specials = (am_special_tokens){
        .eot = eot,
        .sot = eot + 1,
        .translate = translate,
        .transcribe = translate + 1,
        .sot_lm = translate + 2,
        .sot_prev = translate + 3,
        .no_speech = translate + 4,
        .no_timestamps = translate + 5,
        .timestamp_begin = translate + N_TASK_TOKENS,
        .first_language = multilingual ? eot + 2 : -1,
        .n_languages = multilingual ? n_languages : 0,
    };
    return AM_OK;
}

size_t am__special_text(const am_special_tokens *specials, int32_t id,
                        char text[AM_SPECIAL_TEXT_MAX]) {
    static const char *const tasks[N_TASK_TOKENS] = {"translate",   "transcribe", "startoflm",
                                                     "startofprev", "nospeech",   "notimestamps"};
    int n;
    if (id >= specials->timestamp_begin) {
        const int hundredths = (id - specials->timestamp_begin) * 2;
        n = snprintf(text, AM_SPECIAL_TEXT_MAX, "<|%d.%02d|>", hundredths / 100, hundredths % 100);
    } else {
        const char *name = "endoftext";
        if (id == specials->sot) name = "startoftranscript";
        if (id > specials->sot) name = am__language_code_at((size_t)(id - specials->sot - 1));
        if (id > specials->sot + n_language_ids(specials)) name = tasks[id - specials->translate];
        n = snprintf(text, AM_SPECIAL_TEXT_MAX, "<|%s|>", name);
    }
    return (size_t)n;
}

const am_special_tokens *am__tokenizer_specials(const am_tokenizer *tokenizer) {
    return &tokenizer->specials;
}

int32_t am__tokenizer_language_token(const am_tokenizer *tokenizer, const char *code) {
    for (int32_t i = 0; i < tokenizer->specials.n_languages; i++) {
        if (am__equal_ignoring_case(am__language_code_at((size_t)i), code)) {
            return tokenizer->specials.first_language + i;
        }
    }
    return -1;
}

/* Symbols that transcripts use for what is not said: "[DAVID]", "( music )", "♪♪♪". */
static const char *const non_speech_symbols[] = {
    "\"",  "#",  "(",  ")",   "*",   "+",   "/",   ":",  ";",   "<",  "=",   ">",
    "@",   "[",  "\\", "]",   "^",   "_",   "`",   "{",  "|",   "}",  "~",   "「",
    "」",  "『", "』", "<<",  ">>",  "<<<", ">>>", "--", "---", "-(", "-[",  "('",
    "(\"", "((", "))", "(((", ")))", "[[",  "]]",  "{{", "}}",  "♪♪", "♪♪♪",
};

/* Where a note takes several tokens its first one goes: U+2640 … U+267F share two bytes, and
 * nothing else is lost that a transcript needs. */
static const char *const note_symbols[] = {"♩", "♪", "♫", "♬", "♭", "♮", "♯"};

/* Adds the symbol's token, or the first of several when `first_of_many`. */
static am_status add_symbol(am_tokenizer *tokenizer, const char *prefix, const char *symbol,
                            bool first_of_many, am_tokens *scratch, am_error *error) {
    char text[16];
    const int n = snprintf(text, sizeof text, "%s%s", prefix, symbol);
    scratch->n = 0;
    AM_TRY(am__tokenizer_encode(tokenizer, text, (size_t)n, scratch, error));
    if (scratch->n != 1 && !first_of_many) return AM_OK;
    for (size_t i = 0; i < tokenizer->n_non_speech; i++) {
        if (tokenizer->non_speech[i] == scratch->ids[0]) return AM_OK;
    }
    if (tokenizer->n_non_speech == AM_NON_SPEECH_MAX) {
        AM_FAIL(error, AM_E_INTERNAL, "more than %d non-speech tokens", AM_NON_SPEECH_MAX);
    }
    tokenizer->non_speech[tokenizer->n_non_speech++] = scratch->ids[0];
    return AM_OK;
}

static int compare_ids(const void *a, const void *b) {
    const int32_t x = *(const int32_t *)a;
    const int32_t y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

am_status am__find_suppressed(am_tokenizer *tokenizer, am_error *error) {
    static const char *const prefixes[] = {"", " "};
    am_status status = AM_OK;
    am_tokens scratch = {0};
    /* Hyphens and apostrophes are wanted inside words, not where a word begins. */
    AM_TRY_DONE(add_symbol(tokenizer, " ", "-", true, &scratch, error));
    AM_TRY_DONE(add_symbol(tokenizer, " ", "'", true, &scratch, error));
    for (size_t p = 0; p < 2; p++) {
        for (size_t i = 0; i < sizeof non_speech_symbols / sizeof non_speech_symbols[0]; i++) {
            AM_TRY_DONE(
                add_symbol(tokenizer, prefixes[p], non_speech_symbols[i], false, &scratch, error));
        }
        for (size_t i = 0; i < sizeof note_symbols / sizeof note_symbols[0]; i++) {
            AM_TRY_DONE(add_symbol(tokenizer, prefixes[p], note_symbols[i], true, &scratch, error));
        }
    }
    qsort(tokenizer->non_speech, tokenizer->n_non_speech, sizeof tokenizer->non_speech[0],
          compare_ids);

    scratch.n = 0;
    AM_TRY_DONE(am__tokenizer_encode(tokenizer, " ", 1, &scratch, error));
    tokenizer->blank[0] = scratch.ids[0];
    tokenizer->blank[1] = tokenizer->specials.eot;
done:
    am__tokens_free(&scratch);
    return status;
}

const int32_t *am__tokenizer_non_speech(const am_tokenizer *tokenizer, size_t *n) {
    *n = tokenizer->n_non_speech;
    return tokenizer->non_speech;
}

const int32_t *am__tokenizer_blank(const am_tokenizer *tokenizer, size_t *n) {
    *n = sizeof tokenizer->blank / sizeof tokenizer->blank[0];
    return tokenizer->blank;
}
