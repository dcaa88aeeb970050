/*
 * Unit tests of src/output, src/segments/result.c and the JSON writer. The oracle is
 * tests/data/output: what openai/whisper's writers make of the same results, byte for byte
 * (tools/gen_output_fixture.py).
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/buf.h"
#include "base/json_writer.h"
#include "base/number.h"
#include "segments/result.h"
#include "support/failing_heap.h"

#define N_FILE_BYTES_MAX ((size_t)1 << 20)
#define N_ITEMS_MAX 64

/* ---- Results out of the fixtures --------------------------------------------------------- */

static double number_of(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

static const char *string_of(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

static void add_segment(am_result *result, const json_t *from) {
    int32_t tokens[N_ITEMS_MAX];
    am_word words[N_ITEMS_MAX];
    const json_t *token_list = json_object_get(from, "tokens");
    const json_t *word_list = json_object_get(from, "words");
    am_segment segment = {
        .seek = (int)number_of(from, "seek"),
        .start = number_of(from, "start"),
        .end = number_of(from, "end"),
        .text = string_of(from, "text"),
        .tokens = tokens,
        .n_tokens = json_array_size(token_list),
        .temperature = number_of(from, "temperature"),
        .avg_logprob = number_of(from, "avg_logprob"),
        .compression_ratio = number_of(from, "compression_ratio"),
        .no_speech_prob = number_of(from, "no_speech_prob"),
        .words = words,
        .n_words = json_array_size(word_list),
    };
    assert_true(segment.n_tokens <= N_ITEMS_MAX && segment.n_words <= N_ITEMS_MAX);
    for (size_t i = 0; i < segment.n_tokens; i++) {
        tokens[i] = (int32_t)json_integer_value(json_array_get(token_list, i));
    }
    for (size_t i = 0; i < segment.n_words; i++) {
        const json_t *word = json_array_get(word_list, i);
        words[i] = (am_word){.start = number_of(word, "start"),
                             .end = number_of(word, "end"),
                             .probability = number_of(word, "probability"),
                             .text = string_of(word, "word")};
    }
    assert_int_equal(am__result_add_segment(result, &segment, NULL), AM_OK);
}

static am_result *load_result(const char *name) {
    char path[256];
    json_error_t why;
    am_result *result = NULL;
    snprintf(path, sizeof path, "tests/data/output/%s.json", name);
    json_t *from = json_load_file(path, 0, &why);
    if (from == NULL) fail_msg("%s: %s (run from the source folder)", path, why.text);
    assert_int_equal(am__result_new(AM_TASK_TRANSCRIBE, &result, NULL), AM_OK);
    assert_int_equal(am__result_set_language(result, string_of(from, "language"), 1, NULL), AM_OK);
    const json_t *segments = json_object_get(from, "segments");
    for (size_t i = 0; i < json_array_size(segments); i++) {
        add_segment(result, json_array_get(segments, i));
    }
    assert_int_equal(am__result_finish(result, NULL), AM_OK);
    json_decref(from);
    return result;
}

static am_status collect(void *user, const char *bytes, size_t n_bytes) {
    return am__buf_append(user, bytes, n_bytes, NULL);
}

/* What the format makes of the result; freed by the caller. */
static am_buf written(const am_result *result, am_format format, const am_write_options *options) {
    am_buf text;
    am_error error;
    am__buf_init(&text, N_FILE_BYTES_MAX * 16);
    if (am_result_write(result, format, options, collect, &text, &error) != AM_OK) {
        fail_msg("%s", error.detail);
    }
    return text;
}

static void assert_writes(const am_result *result, am_format format,
                          const am_write_options *options, const char *expected) {
    am_buf text = written(result, format, options);
    assert_string_equal(am__buf_string(&text), expected);
    am__buf_free(&text);
}

static void assert_writes_file(const am_result *result, am_format format,
                               const am_write_options *options, const char *name) {
    static char expected[N_FILE_BYTES_MAX];
    char path[256];
    snprintf(path, sizeof path, "tests/data/output/%s.%s", name, am_format_extension(format));
    FILE *file = fopen(path, "rb");
    if (file == NULL) fail_msg("cannot open %s", path);
    const size_t n = fread(expected, 1, sizeof expected - 1, file);
    fclose(file);
    expected[n] = '\0';
    assert_writes(result, format, options, expected);
}

/* ---- Against the original ---------------------------------------------------------------- */

static void formats_equal_original(void **state) {
    (void)state;
    const char *const names[] = {"words", "segments", "empty"};
    for (size_t i = 0; i < 3; i++) {
        am_result *result = load_result(names[i]);
        for (int format = AM_FORMAT_TXT; format <= AM_FORMAT_JSON; format++) {
            assert_writes_file(result, (am_format)format, NULL, names[i]);
        }
        am_result_free(&result);
    }
}

static void line_breaks_equal_original(void **state) {
    (void)state;
    const struct {
        const char *name;
        am_write_options options;
    } cases[] = {
        {"words.w20", {.max_line_width = 20}},
        {"words.c1", {.max_line_count = 1}},
        {"words.w18.c2", {.max_line_width = 18, .max_line_count = 2}},
        {"words.w9.c3.h", {.max_line_width = 9, .max_line_count = 3, .highlight_words = true}},
        {"words.m3", {.max_words_per_line = 3}},
        {"words.m4.w12", {.max_words_per_line = 4, .max_line_width = 12}},
        {"words.h", {.highlight_words = true}},
        {"words.m2.h", {.max_words_per_line = 2, .highlight_words = true}},
        {"words.w1000.c1", {.max_line_width = 1000, .max_line_count = 1}},
    };
    am_result *result = load_result("words");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_writes_file(result, AM_FORMAT_SRT, &cases[i].options, cases[i].name);
        assert_writes_file(result, AM_FORMAT_VTT, &cases[i].options, cases[i].name);
    }
    am_result_free(&result);
}

/* ---- What the original does not have ----------------------------------------------------- */

static am_result *spoken_by_two(void) {
    am_result *result = NULL;
    const am_segment segments[] = {
        {.start = 61.239, .end = 62, .text = " Say \"hi\",\nyou", .speaker = "SPEAKER_00"},
        {.start = 3600, .end = 3601.5, .text = " No ---> \xff", .speaker = NULL},
    };
    assert_int_equal(am__result_new(AM_TASK_TRANSLATE, &result, NULL), AM_OK);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(am__result_add_segment(result, &segments[i], NULL), AM_OK);
    }
    assert_int_equal(am__result_finish(result, NULL), AM_OK);
    return result;
}

static void speakers_lrc_and_csv(void **state) {
    (void)state;
    am_result *result = spoken_by_two();
    assert_writes(result, AM_FORMAT_TXT, NULL,
                  "[SPEAKER_00]: Say \"hi\",\nyou\nNo ---> \xef\xbf\xbd\n");
    assert_writes(result, AM_FORMAT_SRT, NULL,
                  "1\n00:01:01,239 --> 00:01:02,000\n[SPEAKER_00]: Say \"hi\",\nyou\n\n"
                  "2\n01:00:00,000 --> 01:00:01,500\nNo -> \xef\xbf\xbd\n\n");
    assert_writes(result, AM_FORMAT_LRC, NULL,
                  "[by:amanuensis]\n[01:01.23][SPEAKER_00]: Say \"hi\", you\n"
                  "[60:00.00]No ---> \xef\xbf\xbd\n");
    assert_writes(result, AM_FORMAT_CSV, NULL,
                  "start,end,speaker,text\n61239,62000,\"SPEAKER_00\",\" Say \"\"hi\"\",\nyou\"\n"
                  "3600000,3601500,\"\",\" No ---> \xef\xbf\xbd\"\n");
    am_buf json = written(result, AM_FORMAT_JSON, NULL);
    assert_non_null(strstr(json.data, "\"no_speech_prob\": 0.0, \"speaker\": \"SPEAKER_00\"}, {"));
    am__buf_free(&json);
    am_result_free(&result);

    result = load_result("empty");
    assert_writes(result, AM_FORMAT_CSV, NULL, "start,end,text\n");
    assert_writes(result, AM_FORMAT_LRC, NULL, "[by:amanuensis]\n");
    am_result_free(&result);
}

static void words_carry_speakers(void **state) {
    (void)state;
    const am_word words[] = {
        {.start = 1, .end = 2, .text = " One", .speaker = "A"},
        {.start = 2, .end = 3, .text = " two-->"},
    };
    const am_segment segment = {.end = 3, .words = words, .n_words = 2, .speaker = "B"};
    am_result *result = NULL;
    assert_int_equal(am__result_new(AM_TASK_TRANSCRIBE, &result, NULL), AM_OK);
    assert_int_equal(am__result_add_segment(result, &segment, NULL), AM_OK);
    assert_writes(result, AM_FORMAT_VTT, NULL,
                  "WEBVTT\n\n00:01.000 --> 00:03.000\n[A]: One two->\n\n");
    const am_write_options one = {.max_words_per_line = 1, .highlight_words = true};
    assert_writes(result, AM_FORMAT_VTT, &one,
                  "WEBVTT\n\n00:01.000 --> 00:02.000\n[A]: <u>One</u>\n\n"
                  "00:02.000 --> 00:03.000\n[B]: <u>two-></u>\n\n");
    am_result_free(&result);
}

/* Probabilities of tokens are copied, or stay unknown. */
static void kept_segments_make_a_result(void **state) {
    (void)state;
    int32_t tokens[] = {50364, 7, 8};
    float logprobs[] = {-0.5f, -0.25f, 0};
    const am_segment segments[] = {
        {.id = 7, .end = 1, .text = " a", .tokens = tokens, .n_tokens = 3,
         .token_logprobs = logprobs},
        {.id = 9, .start = 1, .end = 2, .text = " b", .tokens = tokens, .n_tokens = 3},
    };
    const am_result_info info = {.language = "en", .duration = 2};
    am_result *result = NULL;
    size_t n = 0;
    assert_int_equal(am_result_from_segments(segments, 2, &info, &result, NULL), AM_OK);
    tokens[1] = 0;
    logprobs[1] = 0;
    const am_segment *kept = am_result_segments(result, &n);
    assert_int_equal(n, 2);
    assert_string_equal(am_result_text(result), " a b");
    assert_int_equal(kept[1].id, 1);
    assert_int_equal(kept[0].tokens[1], 7);
    assert_true(kept[0].token_logprobs[0] == -0.5f && kept[0].token_logprobs[1] == -0.25f);
    assert_null(kept[1].token_logprobs);
    am_result_free(&result);
}

static void format_names(void **state) {
    (void)state;
    const char *const names[] = {"txt", "srt", "vtt", "tsv", "json", "lrc", "csv"};
    am_format format;
    for (int i = 0; i < 7; i++) {
        assert_int_equal(am_format_by_name(names[i], &format), AM_OK);
        assert_int_equal(format, i);
        assert_string_equal(am_format_extension(format), names[i]);
    }
    assert_int_equal(am_format_by_name("doc", &format), AM_E_ARG);
    assert_int_equal(am_format_by_name(NULL, &format), AM_E_ARG);
    assert_null(am_format_extension((am_format)7));
    assert_null(am_format_extension((am_format)-1));
}

static am_status refuse(void *user, const char *bytes, size_t n_bytes) {
    (void)bytes;
    (void)n_bytes;
    ++*(int *)user;
    return AM_E_NO_SPACE;
}

static void refusals(void **state) {
    (void)state;
    am_error error;
    int n_calls = 0;
    am_buf text;
    am_result *result = load_result("words");
    const am_write_options bad = {.max_line_width = -1};
    am__buf_init(&text, 100);
    assert_int_equal(am_result_write(result, AM_FORMAT_TXT, NULL, refuse, &n_calls, &error),
                     AM_E_NO_SPACE);
    assert_int_equal(n_calls, 1);
    assert_int_equal(am_result_write(result, (am_format)7, NULL, collect, &text, &error), AM_E_ARG);
    assert_int_equal(am_result_write(result, AM_FORMAT_TXT, &bad, collect, &text, &error),
                     AM_E_ARG);
    assert_int_equal(am_result_write(NULL, AM_FORMAT_TXT, NULL, collect, &text, &error), AM_E_ARG);
    assert_int_equal(text.n_bytes, 0);
    am_result_free(&result);
}

/* ---- The result -------------------------------------------------------------------------- */

static void result_owns_copies(void **state) {
    (void)state;
    char text[] = " caf\xc3\xa9 \xe2\x82";
    char speaker[] = "S";
    int32_t tokens[] = {1, 2, 3};
    am_word words[] = {{.start = 1, .end = 2, .probability = .5, .text = text, .speaker = speaker}};
    const am_segment segment = {.id = 77,
                                .text = text,
                                .tokens = tokens,
                                .n_tokens = 3,
                                .words = words,
                                .n_words = 1,
                                .speaker = speaker};
    am_result *result = NULL;
    assert_int_equal(am__result_new(AM_TASK_TRANSLATE, &result, NULL), AM_OK);
    assert_string_equal(am_result_text(result), "");
    for (int i = 0; i < 200; i++) {
        assert_int_equal(am__result_add_segment(result, &segment, NULL), AM_OK);
    }
    assert_int_equal(am__result_set_language(result, "fr", .25, NULL), AM_OK);
    am__result_set_duration(result, 12.5);
    assert_int_equal(am__result_finish(result, NULL), AM_OK);
    memset(text, 'x', 3);
    memset(tokens, 0, sizeof tokens);
    memset(words, 0, sizeof words);
    speaker[0] = 'x';

    size_t n;
    const am_segment *segments = am_result_segments(result, &n);
    assert_int_equal(n, 200);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(segments[i].id, i);
        assert_string_equal(segments[i].text, " caf\xc3\xa9 \xef\xbf\xbd");
        assert_string_equal(segments[i].words[0].text, segments[i].text);
        assert_string_equal(segments[i].words[0].speaker, "S");
        assert_string_equal(segments[i].speaker, "S");
        assert_int_equal(segments[i].tokens[2], 3);
    }
    assert_int_equal(strlen(am_result_text(result)), 200 * strlen(segments[0].text));
    assert_string_equal(am_result_language(result), "fr");
    assert_true(am_result_language_probability(result) == .25);
    assert_true(am_result_duration(result) == 12.5);
    assert_int_equal(am_result_task(result), AM_TASK_TRANSLATE);
    am_result_free(&result);
    assert_null(result);
    am_result_free(&result);
    am_result_free(NULL);
}

/* ---- Memory that runs out ---------------------------------------------------------------- */

static am_status count_bytes(void *user, const char *bytes, size_t n_bytes) {
    (void)bytes;
    *(size_t *)user += n_bytes;
    return AM_OK;
}

/* Builds a result of several arena chunks and writes it in every format. */
static am_status build_and_write(am_error *error) {
    am_status status = AM_OK;
    am_result *result = NULL;
    static char text[3000];
    memset(text, 'a', sizeof text - 1);
    const am_word word = {.text = text};
    const int32_t token = 7;
    const float logprob = -1;
    const am_segment segment = {.text = text, .tokens = &token, .n_tokens = 1, .words = &word,
                                .n_words = 1, .speaker = "S", .token_logprobs = &logprob};
    AM_TRY_DONE(am__result_new(AM_TASK_TRANSCRIBE, &result, error));
    AM_TRY_DONE(am__result_set_language(result, "en", 1, error));
    for (int i = 0; i < 70; i++) AM_TRY_DONE(am__result_add_segment(result, &segment, error));
    AM_TRY_DONE(am__result_finish(result, error));
    for (int format = AM_FORMAT_TXT; format <= AM_FORMAT_CSV; format++) {
        size_t n_bytes = 0;
        const am_write_options options = {.max_line_width = 9999, .max_line_count = 99};
        AM_TRY_DONE(
            am_result_write(result, (am_format)format, &options, count_bytes, &n_bytes, error));
        if (n_bytes < 70 * (sizeof text - 1)) fail_msg("format %d lost text", format);
    }
done:
    am_result_free(&result);
    return status;
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    int n_allowed = 0;
    am_status status;
    do {
        failing_heap heap;
        am_error error;
        failing_heap_start(&heap, n_allowed);
        status = build_and_write(&error);
        failing_heap_stop();
        assert_int_equal(heap.n_live, 0);
        assert_true(status == AM_OK || (status == AM_E_MEMORY && error.status == AM_E_MEMORY));
        n_allowed++;
    } while (status != AM_OK);
    assert_true(n_allowed > 20);
}

/* ---- JSON and numbers -------------------------------------------------------------------- */

static void numbers_as_python(void **state) {
    (void)state;
    const struct {
        double value;
        const char *text;
    } cases[] = {
        {0.0, "0.0"},
        {-0.0, "-0.0"},
        {1.0, "1.0"},
        {-2.5, "-2.5"},
        {0.1, "0.1"},
        {100.0, "100.0"},
        {0.0001, "0.0001"},
        {0.00001, "1e-05"},
        {1.5e-7, "1.5e-07"},
        {1e15, "1000000000000000.0"},
        {1e16, "1e+16"},
        {123456789012345680.0, "1.2345678901234568e+17"},
        {9007199254740993.0, "9007199254740992.0"},
        {1.0 / 3, "0.3333333333333333"},
        {0.1 + 0.2, "0.30000000000000004"},
        {-1.7976931348623157e308, "-1.7976931348623157e+308"},
        {0x1p-44, "5.684341886080802e-14"},
        {0x1p-140, "7.174648137343064e-43"},
        {0x1p-1074, "5e-324"},
        {9.5, "9.5"},
        {1e22, "1e+22"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[AM_NUMBER_TEXT_MAX];
        assert_int_equal(am__format_double(cases[i].value, text), strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
    }
}

static void json_writer_places_commas(void **state) {
    (void)state;
    am_json_writer w;
    am_buf out;
    am__buf_init(&out, 1000);
    am__jw_init(&w, &out, AM_JSON_COMPACT, NULL);
    am__jw_array_begin(&w);
    am__jw_object_begin(&w);
    am__jw_object_end(&w);
    am__jw_object_begin(&w);
    am__jw_key(&w, "a\"\\");
    am__jw_array_begin(&w);
    am__jw_null(&w);
    am__jw_bool(&w, true);
    am__jw_bool(&w, false);
    am__jw_integer(&w, INT64_MIN);
    am__jw_array_end(&w);
    am__jw_key(&w, "b");
    am__jw_number(&w, (double)NAN);
    am__jw_key(&w, "c");
    am__jw_number(&w, (double)INFINITY);
    am__jw_object_end(&w);
    am__jw_string(&w, NULL);
    am__jw_string(&w, "\xc3\xa9\x01\n\x7f\xff\xf0\x9f\x98\x80");
    am__jw_array_end(&w);
    assert_int_equal(am__jw_finish(&w), AM_OK);
    assert_string_equal(am__buf_string(&out),
                        "[{},{\"a\\\"\\\\\":[null,true,false,-9223372036854775808],\"b\":null,"
                        "\"c\":null},null,\"\xc3\xa9\\u0001\\n\x7f\\ufffd\xf0\x9f\x98\x80\"]");
    json_t *back = json_loadb(out.data, out.n_bytes, 0, NULL);
    assert_non_null(back);
    json_decref(back);

    am__buf_clear(&out);
    am__jw_init(&w, &out, AM_JSON_PYTHON, NULL);
    am__jw_string(&w, "\xc3\xa9\x7f\xf0\x9f\x98\x80\b\f\r\t/");
    assert_int_equal(am__jw_finish(&w), AM_OK);
    assert_string_equal(am__buf_string(&out), "\"\\u00e9\\u007f\\ud83d\\ude00\\b\\f\\r\\t/\"");
    am__buf_free(&out);
}

static void json_writer_keeps_the_first_failure(void **state) {
    (void)state;
    am_json_writer w;
    am_buf out;
    am_error error;
    am__buf_init(&out, 8);
    am__jw_init(&w, &out, AM_JSON_COMPACT, &error);
    am__jw_array_begin(&w);
    am__jw_string(&w, "0123456789");
    am__jw_array_end(&w);
    assert_int_equal(am__jw_finish(&w), AM_E_LIMIT);
    assert_string_equal(error.detail, "buffer would grow past 8 bytes");
    am__buf_free(&out);

    am__buf_init(&out, 1000);
    am__jw_init(&w, &out, AM_JSON_COMPACT, NULL);
    am__jw_array_begin(&w);
    assert_int_equal(am__jw_finish(&w), AM_E_INTERNAL);
    am__jw_init(&w, &out, AM_JSON_COMPACT, NULL);
    am__jw_array_end(&w);
    assert_int_equal(am__jw_finish(&w), AM_E_INTERNAL);
    am__jw_init(&w, &out, AM_JSON_COMPACT, NULL);
    for (int i = 0; i < 100; i++) am__jw_array_begin(&w);
    for (int i = 0; i < 100; i++) am__jw_array_end(&w);
    assert_int_equal(am__jw_finish(&w), AM_E_INTERNAL);
    am__buf_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_equal_original),
        cmocka_unit_test(line_breaks_equal_original),
        cmocka_unit_test(speakers_lrc_and_csv),
        cmocka_unit_test(words_carry_speakers),
        cmocka_unit_test(kept_segments_make_a_result),
        cmocka_unit_test(format_names),
        cmocka_unit_test(refusals),
        cmocka_unit_test(result_owns_copies),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(numbers_as_python),
        cmocka_unit_test(json_writer_places_commas),
        cmocka_unit_test(json_writer_keeps_the_first_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
