/*
 * Unit tests of src/text against openai/whisper's tokenizer: the records of tests/data, written
 * by tools/gen_tokenizer_fixture.py, and the whole vocabulary of tiny.en from the shared data.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/rng.h"
#include "base/utf8.h"
#include "model/model.h"
#include "support/failing_heap.h"
#include "support/shared.h"
#include "text/compress.h"
#include "text/pretokenize.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

#define N_FIELDS_MAX 64
#define N_IDS_MAX 1024

/* ---- Records ----------------------------------------------------------------------------- */

/* One line of a fixture, cut at its tabs. */
typedef struct record {
    char *fields[N_FIELDS_MAX];
    size_t n_fields;
} record;

typedef struct fixture {
    char *text;
    char *next;
} fixture;

static fixture open_fixture(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) fail_msg("cannot open %s (run from the source folder)", path);
    const size_t n_max = (size_t)1 << 20;
    fixture f = {0};
    assert_int_equal(am__alloc(n_max, 1, &f.text, NULL), AM_OK);
    const size_t n = fread(f.text, 1, n_max - 1, file);
    assert_true(n > 0 && n < n_max - 1);
    fclose(file);
    f.next = f.text;
    return f;
}

static bool next_record(fixture *f, record *r) {
    if (*f->next == '\0') return false;
    char *end = strchr(f->next, '\n');
    assert_non_null(end);
    *end = '\0';
    r->n_fields = 0;
    for (char *field = f->next; field != NULL;) {
        assert_true(r->n_fields < N_FIELDS_MAX);
        r->fields[r->n_fields++] = field;
        field = strchr(field, '\t');
        if (field != NULL) *field++ = '\0';
    }
    f->next = end + 1;
    return true;
}

static void close_fixture(fixture *f) {
    am__free(f->text);
}

/* Decodes base64 in place. */
static size_t decode_base64(char *text) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = 0;
    uint32_t bits = 0;
    int n_bits = 0;
    for (const char *at = text; *at != '\0' && *at != '='; at++) {
        const char *digit = strchr(digits, *at);
        assert_non_null(digit);
        bits = (bits << 6 | (uint32_t)(digit - digits)) & 0xffffff;
        n_bits += 6;
        if (n_bits < 8) continue;
        n_bits -= 8;
        text[n++] = (char)(bits >> n_bits);
    }
    return n;
}

static size_t parse_ids(const char *text, int32_t *ids) {
    size_t n = 0;
    while (*text != '\0') {
        char *end;
        assert_true(n < N_IDS_MAX);
        ids[n++] = (int32_t)strtol(text, &end, 10);
        assert_ptr_not_equal(end, text);
        text = *end == ' ' ? end + 1 : end;
    }
    return n;
}

/* ---- Tokenizers -------------------------------------------------------------------------- */

/* A fixture with the tokenizer of its cut vocabulary; its reader stands behind the tokens. */
typedef struct oracle {
    fixture file;
    am_token_bytes *tokens;
    am_tokenizer *tokenizer;
    record first; /* the record behind the tokens */
} oracle;

static oracle open_oracle(const char *path) {
    oracle o = {.file = open_fixture(path)};
    am_error error;
    assert_true(next_record(&o.file, &o.first));
    assert_string_equal(o.first.fields[0], "size");
    const size_t n_tokens = strtoul(o.first.fields[1], NULL, 10);
    assert_int_equal(AM_NEW(&o.tokens, n_tokens, &error), AM_OK);
    while (next_record(&o.file, &o.first) && strcmp(o.first.fields[0], "token") == 0) {
        const size_t id = strtoul(o.first.fields[1], NULL, 10);
        assert_true(id < n_tokens);
        o.tokens[id].n_bytes = (uint32_t)decode_base64(o.first.fields[2]);
        o.tokens[id].bytes = o.first.fields[2];
    }
    if (am__tokenizer_new(o.tokens, n_tokens, &o.tokenizer, &error) != AM_OK) {
        fail_msg("%s", error.detail);
    }
    return o;
}

static void close_oracle(oracle *o) {
    am__tokenizer_free(&o->tokenizer);
    am__free(o->tokens);
    close_fixture(&o->file);
}

/* tiny.en with its whole vocabulary; skips the test when the data is absent. */
typedef struct tiny {
    am_model *model;
    const am_token_bytes *tokens;
    am_tokenizer *tokenizer;
} tiny;

static tiny open_tiny(void) {
    tiny t = {0};
    am_error error;
    size_t n_tokens;
    const char *path = shared_path("models/whisper-tiny.en");
    if (path == NULL) skip();
    if (am__model_open(path, &t.model, &error) != AM_OK) fail_msg("%s", error.detail);
    t.tokens = am__model_vocabulary(t.model, &n_tokens);
    if (am__tokenizer_new(t.tokens, n_tokens, &t.tokenizer, &error) != AM_OK) {
        fail_msg("%s", error.detail);
    }
    return t;
}

static void close_tiny(tiny *t) {
    am__tokenizer_free(&t->tokenizer);
    am__model_close(&t->model);
}

/* ---- Against the original ---------------------------------------------------------------- */

static void assert_ids(const am_tokens *found, const int32_t *ids, size_t n) {
    assert_int_equal(found->n, n);
    if (n > 0) assert_memory_equal(found->ids, ids, n * sizeof *ids);
}

static void assert_decodes_to(const am_tokenizer *tokenizer, const am_tokens *tokens,
                              const char *text, size_t n) {
    am_buf buf;
    am__buf_init(&buf, n);
    assert_int_equal(am__tokenizer_decode(tokenizer, tokens->ids, tokens->n, &buf, NULL), AM_OK);
    assert_int_equal(buf.n_bytes, n);
    if (n > 0) assert_memory_equal(buf.data, text, n);
    am__buf_free(&buf);
}

static void check_text(const am_tokenizer *tokenizer, record *r) {
    int32_t ids[N_IDS_MAX];
    am_tokens tokens = {0};
    const size_t n_ids = parse_ids(r->fields[2], ids);
    const size_t n = decode_base64(r->fields[1]);
    assert_int_equal(am__tokenizer_encode(tokenizer, r->fields[1], n, &tokens, NULL), AM_OK);
    assert_ids(&tokens, ids, n_ids);
    assert_decodes_to(tokenizer, &tokens, r->fields[1], n);
    am__tokens_free(&tokens);
}

static void check_words(const am_tokenizer *tokenizer, record *r) {
    int32_t ids[N_IDS_MAX];
    am_token_words words;
    const char *language = strcmp(r->fields[1], "-") == 0 ? NULL : r->fields[1];
    const size_t n = parse_ids(r->fields[2], ids);
    assert_int_equal(am__tokenizer_split_words(tokenizer, ids, n, language, &words, NULL), AM_OK);
    assert_int_equal(words.n_words, r->n_fields - 3);
    size_t first = 0;
    for (size_t i = 0; i < words.n_words; i++) {
        char *end;
        assert_int_equal(words.words[i].first, first);
        assert_int_equal(words.words[i].n_tokens, strtoul(r->fields[3 + i], &end, 10));
        const size_t n_bytes = decode_base64(end + 1);
        assert_int_equal(strlen(words.words[i].text), n_bytes);
        assert_memory_equal(words.words[i].text, end + 1, n_bytes);
        first += words.words[i].n_tokens;
    }
    assert_int_equal(first, n);
    am__token_words_free(&words);
}

static void check_suppressed(const am_tokenizer *tokenizer, record *r) {
    int32_t ids[N_IDS_MAX];
    size_t n;
    const int32_t *found = am__tokenizer_non_speech(tokenizer, &n);
    assert_int_equal(parse_ids(r->fields[1], ids), n);
    assert_memory_equal(found, ids, n * sizeof *ids);
    found = am__tokenizer_blank(tokenizer, &n);
    assert_int_equal(n, 2);
    assert_int_equal(found[0], 220);
    assert_int_equal(found[1], am__tokenizer_specials(tokenizer)->eot);
}

static void check_oracle(const char *path, const am_tokenizer *instead) {
    oracle o = open_oracle(path);
    const am_tokenizer *tokenizer = instead != NULL ? instead : o.tokenizer;
    size_t n_texts = 0;
    size_t n_words = 0;
    size_t n_suppressed = 0;
    record r = o.first;
    do {
        if (strcmp(r.fields[0], "text") == 0) {
            check_text(tokenizer, &r);
            n_texts++;
        } else if (strcmp(r.fields[0], "words") == 0) {
            check_words(tokenizer, &r);
            n_words++;
        } else {
            assert_string_equal(r.fields[0], "suppress");
            check_suppressed(tokenizer, &r);
            n_suppressed++;
        }
    } while (next_record(&o.file, &r));
    assert_true(n_texts > 80 && n_words == 11 && n_suppressed == 1);
    close_oracle(&o);
}

static void english_equals_original(void **state) {
    (void)state;
    check_oracle("tests/data/tokenizer_gpt2.tsv", NULL);
}

static void multilingual_equals_original(void **state) {
    (void)state;
    check_oracle("tests/data/tokenizer_multilingual.tsv", NULL);
}

static void whole_vocabulary_equals_original(void **state) {
    (void)state;
    tiny t = open_tiny();
    check_oracle("tests/data/tokenizer_gpt2.tsv", t.tokenizer);
    close_tiny(&t);
}

static bool is_among(int32_t id, const int32_t *ids, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (ids[i] == id) return true;
    }
    return false;
}

/* The model's suppress_ids are the non-speech tokens and the specials that no text contains. */
static void suppressed_equal_the_models(void **state) {
    (void)state;
    tiny t = open_tiny();
    const am_special_tokens *s = am__tokenizer_specials(t.tokenizer);
    const int32_t specials[] = {s->sot,    s->translate, s->transcribe,
                                s->sot_lm, s->sot_prev,  s->no_speech};
    size_t n;
    const int32_t *non_speech = am__tokenizer_non_speech(t.tokenizer, &n);
    json_t *config = json_load_file(shared_path("models/whisper-tiny.en/config.json"), 0, NULL);
    const json_t *ids = json_object_get(config, "suppress_ids");
    assert_int_equal(json_array_size(ids), n + 6);
    for (size_t i = 0; i < json_array_size(ids); i++) {
        const int32_t id = (int32_t)json_integer_value(json_array_get(ids, i));
        assert_true(is_among(id, non_speech, n) || is_among(id, specials, 6));
    }
    json_decref(config);
    close_tiny(&t);
}

static void languages_equal_original(void **state) {
    (void)state;
    fixture f = open_fixture("tests/data/languages.tsv");
    record r;
    size_t index = 0;
    for (; next_record(&f, &r); index++) {
        assert_string_equal(am__language_code_at(index), r.fields[1]);
        assert_string_equal(am_language_name(r.fields[1]), r.fields[2]);
        for (size_t i = 1; i < r.n_fields; i++) {
            assert_string_equal(am_language_code(r.fields[i]), am__language_code_at(index));
            if (r.fields[i][0] >= 'a') r.fields[i][0] = (char)(r.fields[i][0] - 'a' + 'A');
            assert_string_equal(am_language_code(r.fields[i]), am__language_code_at(index));
        }
    }
    assert_int_equal(index, 100);
    assert_null(am__language_code_at(100));
    assert_null(am_language_code("klingon"));
    assert_null(am_language_code(""));
    assert_null(am_language_code(NULL));
    assert_null(am_language_name("english"));
    assert_null(am_language_name(NULL));
    close_fixture(&f);
}

static void compression_equals_python(void **state) {
    (void)state;
    fixture f = open_fixture("tests/data/compression.tsv");
    am_compressor *compressor = NULL;
    am_buf buf;
    record r;
    size_t n_records = 0;
    am__buf_init(&buf, (size_t)1 << 20);
    assert_int_equal(am__compressor_new(&compressor, NULL), AM_OK);
    for (; next_record(&f, &r); n_records++) {
        double ratio = -1;
        const size_t n = decode_base64(r.fields[1]);
        const unsigned long n_times = strtoul(r.fields[2], NULL, 10);
        am__buf_clear(&buf);
        for (unsigned long i = 0; i < n_times; i++) {
            assert_int_equal(am__buf_append(&buf, r.fields[1], n, NULL), AM_OK);
        }
        assert_int_equal(
            am__compression_ratio(compressor, am__buf_string(&buf), buf.n_bytes, &ratio, NULL),
            AM_OK);
        assert_true(ratio == strtod(r.fields[3], NULL));
    }
    assert_int_equal(n_records, 7);
    am__compressor_free(&compressor);
    assert_null(compressor);
    am__buf_free(&buf);
    close_fixture(&f);
}

/* ---- Special tokens ---------------------------------------------------------------------- */

static void ids_follow_from_the_size(void **state) {
    (void)state;
    oracle o = open_oracle("tests/data/tokenizer_gpt2.tsv");
    const am_special_tokens *english = am__tokenizer_specials(o.tokenizer);
    assert_int_equal(english->eot, 50256);
    assert_int_equal(english->sot, 50257);
    assert_int_equal(english->translate, 50357);
    assert_int_equal(english->transcribe, 50358);
    assert_int_equal(english->sot_lm, 50359);
    assert_int_equal(english->sot_prev, 50360);
    assert_int_equal(english->no_speech, 50361);
    assert_int_equal(english->no_timestamps, 50362);
    assert_int_equal(english->timestamp_begin, 50363);
    assert_int_equal(english->first_language, -1);
    assert_int_equal(am__tokenizer_language_token(o.tokenizer, "en"), -1);
    close_oracle(&o);

    o = open_oracle("tests/data/tokenizer_multilingual.tsv");
    assert_int_equal(am__tokenizer_specials(o.tokenizer)->timestamp_begin, 50364);
    assert_int_equal(am__tokenizer_specials(o.tokenizer)->n_languages, 99);
    assert_int_equal(am__tokenizer_language_token(o.tokenizer, "en"), 50259);
    assert_int_equal(am__tokenizer_language_token(o.tokenizer, "su"), 50357);
    assert_int_equal(am__tokenizer_language_token(o.tokenizer, "yue"), -1);
    am_tokenizer *large = NULL;
    am_token_bytes *tokens = NULL;
    assert_int_equal(AM_NEW(&tokens, 51866, NULL), AM_OK);
    memcpy(tokens, o.tokens, 51865 * sizeof *tokens);
    assert_int_equal(am__tokenizer_new(tokens, 51866, &large, NULL), AM_OK);
    assert_int_equal(am__tokenizer_specials(large)->eot, 50257);
    assert_int_equal(am__tokenizer_specials(large)->translate, 50359);
    assert_int_equal(am__tokenizer_specials(large)->timestamp_begin, 50365);
    assert_int_equal(am__tokenizer_language_token(large, "yue"), 50358);
    am__tokenizer_free(&large);

    am_error error;
    assert_int_equal(am__tokenizer_new(tokens, 51863, &large, &error), AM_E_UNSUPPORTED);
    tokens[0].n_bytes = 0; /* "!" */
    assert_int_equal(am__tokenizer_new(tokens, 51866, &large, &error), AM_E_MODEL);
    assert_string_equal(error.detail, "vocabulary has no token for byte 0x21");
    assert_null(large);
    am__free(tokens);
    close_oracle(&o);
}

/* The model's own vocabulary has the specials' texts: they must be the ones words get. */
static void special_texts_equal_the_models(void **state) {
    (void)state;
    tiny t = open_tiny();
    am_token_words words;
    int32_t ids[1608];
    const size_t n_ids = sizeof ids / sizeof ids[0];
    for (size_t i = 0; i < n_ids; i++) ids[i] = 50256 + (int32_t)i;
    assert_int_equal(am__tokenizer_split_words(t.tokenizer, ids, n_ids, NULL, &words, NULL), AM_OK);
    assert_int_equal(words.n_words, n_ids);
    for (size_t i = 0; i < n_ids; i++) {
        const am_token_bytes *token = &t.tokens[ids[i]];
        /* Names of the first release: <|iw|> for Hebrew, <|nocaptions|> for no speech. */
        if (ids[i] == 50278 || ids[i] == 50361) continue;
        assert_int_equal(strlen(words.words[i].text), token->n_bytes);
        assert_memory_equal(words.words[i].text, token->bytes, token->n_bytes);
        char text[32];
        size_t n = 0;
        assert_int_equal(am__tokenizer_text(t.tokenizer, ids[i], text, sizeof text, &n, NULL),
                         AM_OK);
        assert_int_equal(n, token->n_bytes);
        assert_memory_equal(text, token->bytes, n);
    }
    am__token_words_free(&words);
    close_tiny(&t);
}

static void decode_skips_specials(void **state) {
    (void)state;
    oracle o = open_oracle("tests/data/tokenizer_gpt2.tsv");
    am_buf text;
    am__buf_init(&text, 100);
    const int32_t ids[] = {50257, 50363, 64, 50256, 65, 51863};
    assert_int_equal(am__tokenizer_decode(o.tokenizer, ids, 6, &text, NULL), AM_OK);
    assert_string_equal(am__buf_string(&text), "ab");
    const int32_t beyond[] = {51864, -1};
    assert_int_equal(am__tokenizer_decode(o.tokenizer, beyond, 1, &text, NULL), AM_E_ARG);
    assert_int_equal(am__tokenizer_decode(o.tokenizer, beyond + 1, 1, &text, NULL), AM_E_ARG);
    am__buf_free(&text);
    close_oracle(&o);
}

/* One by one they are what is decoded; a name or bytes that do not fit are cut. */
static void tokens_have_texts(void **state) {
    (void)state;
    oracle o = open_oracle("tests/data/tokenizer_multilingual.tsv");
    am_error error;
    am_buf text;
    size_t n = 0;
    char bytes[256];
    am__buf_init(&text, sizeof bytes);
    for (int32_t id = 0; id < 50257; id++) {
        am__buf_clear(&text);
        assert_int_equal(am__tokenizer_decode(o.tokenizer, &id, 1, &text, NULL), AM_OK);
        assert_int_equal(am__tokenizer_text(o.tokenizer, id, bytes, sizeof bytes, &n, NULL), AM_OK);
        assert_int_equal(n, text.n_bytes);
        if (n > 0) assert_memory_equal(bytes, text.data, n);
    }
    assert_int_equal(am__tokenizer_text(o.tokenizer, 50257, bytes, sizeof bytes, &n, NULL), AM_OK);
    assert_int_equal(n, strlen("<|endoftext|>"));
    assert_memory_equal(bytes, "<|endoftext|>", n);
    memset(bytes, 'x', 8);
    assert_int_equal(am__tokenizer_text(o.tokenizer, 50259, bytes, 4, &n, NULL), AM_OK);
    assert_int_equal(n, strlen("<|en|>"));
    assert_memory_equal(bytes, "<|enxxxx", 8);
    assert_int_equal(am__tokenizer_text(o.tokenizer, 50259, NULL, 0, &n, NULL), AM_OK);
    assert_int_equal(am__tokenizer_text(o.tokenizer, 51865, bytes, 4, &n, &error), AM_E_ARG);
    assert_int_equal(am__tokenizer_text(o.tokenizer, -1, bytes, 4, &n, &error), AM_E_ARG);
    am__buf_free(&text);
    close_oracle(&o);
}

/* ---- Properties -------------------------------------------------------------------------- */

/* Half of the rounds valid UTF-8 of random code points, half random bytes. */
static size_t random_text(am_rng *rng, bool valid, char *text, size_t n_max) {
    const size_t wanted = (size_t)am__rng_below(rng, n_max - 4);
    size_t n = 0;
    while (n < wanted) {
        if (!valid) {
            text[n++] = (char)am__rng_below(rng, 256);
            continue;
        }
        static const uint32_t limits[] = {0x80, 0x80, 0x500, 0x3100, 0x10000, 0x110000};
        n += am__utf8_encode((uint32_t)am__rng_below(rng, limits[am__rng_below(rng, 6)]), text + n);
    }
    return n;
}

static void assert_whole_utf8(const char *text) {
    const size_t n = strlen(text);
    for (size_t at = 0; at < n;) {
        uint32_t code;
        bool truncated;
        const size_t length = am__utf8_decode(text + at, n - at, &code, &truncated);
        assert_true(length > 0);
        at += length;
    }
}

/* Words partition the tokens, are UTF-8, and together are the text when that is. */
static void assert_words_partition(const am_tokenizer *tokenizer, const am_tokens *tokens,
                                   const char *language, const char *valid_text, size_t n) {
    am_token_words words;
    assert_int_equal(
        am__tokenizer_split_words(tokenizer, tokens->ids, tokens->n, language, &words, NULL),
        AM_OK);
    size_t first = 0;
    size_t at = 0;
    for (size_t i = 0; i < words.n_words; i++) {
        const char *word = words.words[i].text;
        assert_int_equal(words.words[i].first, first);
        assert_true(words.words[i].n_tokens > 0);
        first += words.words[i].n_tokens;
        assert_whole_utf8(word);
        if (valid_text == NULL) continue;
        assert_true(at + strlen(word) <= n);
        assert_memory_equal(word, valid_text + at, strlen(word));
        at += strlen(word);
    }
    assert_int_equal(first, tokens->n);
    if (valid_text != NULL) assert_int_equal(at, n);
    am__token_words_free(&words);
}

static void random_texts_survive(void **state) {
    (void)state;
    oracle o = open_oracle("tests/data/tokenizer_multilingual.tsv");
    am_rng rng;
    am__rng_seed(&rng, 5);
    for (int round = 0; round < 3000; round++) {
        char text[128];
        am_tokens tokens = {0};
        const bool valid = round % 2 == 0;
        const size_t n = random_text(&rng, valid, text, sizeof text);
        assert_int_equal(am__tokenizer_encode(o.tokenizer, text, n, &tokens, NULL), AM_OK);
        assert_decodes_to(o.tokenizer, &tokens, text, n);
        /* A zero byte would end the word's C string. */
        const bool comparable = valid && memchr(text, 0, n) == NULL;
        const char *language = round % 3 == 0 ? "ja" : NULL;
        assert_words_partition(o.tokenizer, &tokens, language, comparable ? text : NULL, n);
        am__tokens_free(&tokens);
    }
    close_oracle(&o);
}

/* 1 MiB without a border of the split: the heap keeps this below a second. */
static void long_piece_is_not_quadratic(void **state) {
    (void)state;
    oracle o = open_oracle("tests/data/tokenizer_gpt2.tsv");
    const size_t n = (size_t)1 << 20;
    char *text = NULL;
    am_tokens tokens = {0};
    am_rng rng;
    am__rng_seed(&rng, 9);
    assert_int_equal(AM_NEW_RAW(&text, n, NULL), AM_OK);
    for (size_t i = 0; i < n; i++) text[i] = (char)('a' + am__rng_below(&rng, 26));
    assert_int_equal(am__tokenizer_encode(o.tokenizer, text, n, &tokens, NULL), AM_OK);
    assert_decodes_to(o.tokenizer, &tokens, text, n);
    assert_int_equal(am__tokenizer_encode(o.tokenizer, text, (size_t)1 << 30, &tokens, NULL),
                     AM_E_LIMIT);
    am__tokens_free(&tokens);
    am__free(text);
    close_oracle(&o);
}

/* ---- Memory that runs out ---------------------------------------------------------------- */

static am_status use_everything(const am_token_bytes *tokens, am_error *error) {
    static const char text[] = " Words unheardofwords, 1234567890 caf\xc3\xa9 \xff";
    am_status status = AM_OK;
    am_tokenizer *tokenizer = NULL;
    am_compressor *compressor = NULL;
    am_token_words words = {0};
    am_tokens ids = {0};
    am_buf back;
    double ratio;
    am__buf_init(&back, 1000);
    AM_TRY_DONE(am__tokenizer_new(tokens, 51864, &tokenizer, error));
    for (int i = 0; i < 5; i++) {
        const size_t n_before = ids.n;
        status = am__tokenizer_encode(tokenizer, text, sizeof text - 1, &ids, error);
        if (status != AM_OK) assert_int_equal(ids.n, n_before);
        AM_TRY_DONE(status);
    }
    AM_TRY_DONE(am__tokenizer_decode(tokenizer, ids.ids, ids.n, &back, error));
    AM_TRY_DONE(am__tokenizer_split_words(tokenizer, ids.ids, ids.n, NULL, &words, error));
    AM_TRY_DONE(am__compressor_new(&compressor, error));
    AM_TRY_DONE(am__compression_ratio(compressor, back.data, back.n_bytes, &ratio, error));
done:
    am__compressor_free(&compressor);
    am__token_words_free(&words);
    am__buf_free(&back);
    am__tokens_free(&ids);
    am__tokenizer_free(&tokenizer);
    return status;
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    oracle o = open_oracle("tests/data/tokenizer_gpt2.tsv");
    int n_allowed = 0;
    am_status status;
    do {
        failing_heap heap;
        am_error error;
        failing_heap_start(&heap, n_allowed);
        status = use_everything(o.tokens, &error);
        failing_heap_stop();
        assert_int_equal(heap.n_live, 0);
        assert_true(status == AM_OK || (status == AM_E_MEMORY && error.status == AM_E_MEMORY));
        n_allowed++;
    } while (status != AM_OK);
    assert_true(n_allowed > 15);
    close_oracle(&o);
}

/* Every code point of White_Space, and what is near to it. */
static void classes(void **state) {
    (void)state;
    static const uint32_t spaces[] = {0x09,   0x0a,   0x0b,   0x0c,   0x0d,   0x20,   0x85,
                                      0xa0,   0x1680, 0x2000, 0x2001, 0x2002, 0x2003, 0x2004,
                                      0x2005, 0x2006, 0x2007, 0x2008, 0x2009, 0x200a, 0x2028,
                                      0x2029, 0x202f, 0x205f, 0x3000};
    size_t n_found = 0;
    for (uint32_t code = 0; code <= 0x10ffff; code++) {
        if (am__unicode_class(code) != AM_CHAR_SPACE) continue;
        assert_true(n_found < sizeof spaces / sizeof spaces[0]);
        assert_int_equal(code, spaces[n_found++]);
    }
    assert_int_equal(n_found, sizeof spaces / sizeof spaces[0]);
    assert_int_equal(am__unicode_class('z'), AM_CHAR_LETTER);
    assert_int_equal(am__unicode_class('z' + 1), AM_CHAR_OTHER);
    assert_int_equal(am__unicode_class('/'), AM_CHAR_OTHER);
    assert_int_equal(am__unicode_class('0'), AM_CHAR_NUMBER);
    assert_int_equal(am__unicode_class(0x2160), AM_CHAR_NUMBER); /* ROMAN NUMERAL ONE */
    assert_int_equal(am__unicode_class(0x301), AM_CHAR_OTHER);   /* a combining mark */
    assert_int_equal(am__unicode_class(0x20000), AM_CHAR_LETTER);
    assert_int_equal(am__unicode_class(0x10ffff), AM_CHAR_OTHER);
}

static void strips_as_python(void **state) {
    (void)state;
    const struct {
        const char *text, *stripped, *left;
    } cases[] = {
        {"", "", ""},
        {" \n", "", ""},
        {"  a b\t", "a b", "a b\t"},
        {"\xe3\x80\x80x\xc2\xa0", "x", "x\xc2\xa0"},
        {"\x1cy\x1f", "y", "y\x1f"},
        {"\xff z \xe2\x82", "\xff z \xe2\x82", "\xff z \xe2\x82"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const size_t n = strlen(cases[i].text);
        am_text_span span = am__unicode_strip(cases[i].text, n);
        assert_int_equal(span.n_bytes, strlen(cases[i].stripped));
        assert_memory_equal(span.text, cases[i].stripped, span.n_bytes);
        span = am__unicode_strip_left(cases[i].text, n);
        assert_int_equal(span.n_bytes, strlen(cases[i].left));
        assert_memory_equal(span.text, cases[i].left, span.n_bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(english_equals_original),
        cmocka_unit_test(multilingual_equals_original),
        cmocka_unit_test(whole_vocabulary_equals_original),
        cmocka_unit_test(suppressed_equal_the_models),
        cmocka_unit_test(languages_equal_original),
        cmocka_unit_test(compression_equals_python),
        cmocka_unit_test(ids_follow_from_the_size),
        cmocka_unit_test(special_texts_equal_the_models),
        cmocka_unit_test(decode_skips_specials),
        cmocka_unit_test(tokens_have_texts),
        cmocka_unit_test(random_texts_survive),
        cmocka_unit_test(long_piece_is_not_quadratic),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(classes),
        cmocka_unit_test(strips_as_python),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
