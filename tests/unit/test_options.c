/* The option table and its sources: names, types, bounds, precedence, rules between options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/options.h"

#define N(array) (sizeof(array) / sizeof(array)[0])

/* Parses one command line of words separated by '|'. */
static am_status parse(const char *line, options *opts, am_error *error) {
    static char text[512];
    static char *argv[32];
    int argc = 0;
    snprintf(text, sizeof text, "%s", line);
    for (char *at = text; at != NULL && argc < (int)N(argv); argc++) {
        argv[argc] = at;
        at = strchr(at, '|');
        if (at != NULL) *at++ = '\0';
    }
    memset(error, 0, sizeof *error);
    am_status status = options_init(opts, VERB_TRANSCRIBE, error);
    if (status == AM_OK) status = options_parse(opts, VERB_TRANSCRIBE, argc, argv, error);
    if (status == AM_OK) status = options_resolve(opts, error);
    return status;
}

static void takes(const char *line, options *opts) {
    am_error error;
    if (parse(line, opts, &error) != AM_OK) fail_msg("%s: %s", line, error.detail);
}

static void every_name_is_found(void **state) {
    (void)state;
    assert_true(n_option_specs > 40);
    for (size_t i = 0; i < n_option_specs; i++) {
        const option_spec *spec = &option_table[i];
        assert_ptr_equal(options_find(spec->name, strlen(spec->name)), spec);
        assert_true(spec->verbs != 0);
        assert_true(spec->help[0] != '\0');
        assert_true(spec->choices != NULL || spec->argument != NULL);
        assert_true(spec->type != OPTION_CHOICE || spec->choices != NULL);
        assert_true(spec->type == OPTION_CHOICE || spec->type == OPTION_INT ||
                    spec->choices == NULL);
        if (spec->type == OPTION_INT || spec->type == OPTION_REAL) {
            assert_true(spec->min < spec->max);
        }
        for (size_t j = 0; j < i; j++) {
            assert_true(spec->letter == 0 || spec->letter != option_table[j].letter);
        }
    }
}

/* Every default is a value that its own option takes. */
static void defaults_are_legal(void **state) {
    (void)state;
    options opts;
    takes("x.wav", &opts);
    const am_params *p = &opts.params;
    assert_int_equal(p->beam_size, 5);
    assert_int_equal(p->best_of, 5);
    assert_int_equal(p->n_temperatures, 6);
    assert_true(p->temperatures[0] == 0.0 && fabs(p->temperatures[5] - 1.0) < 1e-9);
    assert_true(p->condition_on_previous_text && !p->word_timestamps);
    assert_string_equal(p->suppress_tokens, "-1");
    assert_int_equal(opts.n_inputs, 1);
    assert_string_equal(opts.inputs[0], "x.wav");
}

static void spellings(void **state) {
    (void)state;
    static const char *const lines[] = {
        "--beam_size|3|x", "--beam-size|3|x", "--beam-size=3|x", "x|--beam_size=3",
    };
    options opts;
    for (size_t i = 0; i < N(lines); i++) {
        takes(lines[i], &opts);
        assert_int_equal(opts.params.beam_size, 3);
        assert_int_equal(opts.n_inputs, 1);
        assert_string_equal(opts.inputs[0], "x");
    }
    takes("-m|small|-fsrt,txt|-o|out|--|--x|-", &opts);
    assert_string_equal(opts.model, "small");
    assert_int_equal(opts.formats, 1u << AM_FORMAT_SRT | 1u << AM_FORMAT_TXT);
    assert_int_equal(opts.n_inputs, 2);
    assert_string_equal(opts.inputs[0], "--x");
    assert_string_equal(opts.inputs[1], "-");
}

static void booleans(void **state) {
    (void)state;
    static const struct {
        const char *line;
        bool value;
        int n_inputs;
    } rows[] = {
        {"--word_timestamps|True|x", true, 1},  {"--word_timestamps|x", true, 1},
        {"x|--word_timestamps", true, 1},       {"--word_timestamps=no|x", false, 1},
        {"--word-timestamps|off|x", false, 1},  {"--word_timestamps|1|x", true, 1},
        {"--word_timestamps|FALSE|x", false, 1},
    };
    for (size_t i = 0; i < N(rows); i++) {
        options opts;
        takes(rows[i].line, &opts);
        assert_int_equal(opts.params.word_timestamps, rows[i].value);
        assert_int_equal(opts.n_inputs, rows[i].n_inputs);
    }
}

static void modes_and_detector(void **state) {
    (void)state;
    options opts;
    takes("x", &opts);
    const am_params *p = &opts.params;
    assert_true(p->mode == AM_MODE_BATCHED && p->batch_size == 8 && p->vad_filter);
    assert_int_equal(p->audio_ctx, AM_AUDIO_CTX_AUTO);
    assert_null(opts.engine.vad_model);
    takes("x|--mode|sequential|--batch-size|3|--audio_ctx|full|--vad_filter|False", &opts);
    assert_true(p->mode == AM_MODE_SEQUENTIAL && p->batch_size == 3 && !p->vad_filter);
    assert_int_equal(p->audio_ctx, AM_AUDIO_CTX_FULL);
    takes("x|--audio_ctx|auto|--vad_threshold|0.3|--vad_neg_threshold|None|--vad_model|v.bin",
          &opts);
    assert_int_equal(p->audio_ctx, AM_AUDIO_CTX_AUTO);
    assert_true(p->vad.threshold == 0.3 && p->vad.neg_threshold == -1);
    assert_string_equal(opts.engine.vad_model, "v.bin");
    takes("x|--audio_ctx|512|--vad_min_silence_duration_ms|500|--vad_speech_pad_ms|0"
          "|--vad_max_speech_duration_s|20|--vad_min_speech_duration_ms|250", &opts);
    assert_int_equal(p->audio_ctx, 512);
    assert_true(p->vad.min_silence_duration_ms == 500 && p->vad.speech_pad_ms == 0 &&
                p->vad.max_speech_duration_s == 20 && p->vad.min_speech_duration_ms == 250);
}

static void none_and_numbers(void **state) {
    (void)state;
    options opts;
    takes("x|--logprob_threshold|-0.5|--no_speech_threshold|None|--length_penalty=None", &opts);
    assert_true(opts.params.logprob_threshold == -0.5);
    assert_true(isnan(opts.params.no_speech_threshold));
    assert_true(opts.params.length_penalty == -1);
    takes("x|--temperature|0.5|--temperature_increment_on_fallback|0.25", &opts);
    assert_int_equal(opts.params.n_temperatures, 3);
    assert_true(opts.params.temperatures[2] == 1.0);
    takes("x|--temperature_increment_on_fallback|None", &opts);
    assert_int_equal(opts.params.n_temperatures, 1);
    takes("x|--seed|18446744073709551615", &opts);
    assert_true(opts.params.seed == UINT64_MAX);
    takes("x|--channel|1|--raw|s16le|--rate|8000|--task=translate|--language|German", &opts);
    assert_int_equal(opts.audio.channel, 1);
    assert_int_equal(opts.audio.raw, AM_PCM_S16LE);
    assert_int_equal(opts.audio.raw_rate, 8000);
    assert_int_equal(opts.params.task, AM_TASK_TRANSLATE);
    assert_string_equal(opts.params.language, "de");
    takes("x|--language|de|--language|auto", &opts);
    assert_null(opts.params.language);
}

static void refusals(void **state) {
    (void)state;
    static const struct {
        const char *line, *says;
    } rows[] = {
        {"x|--threads|0", "--threads: expected a whole number from 1 to 256, found \"0\""},
        {"x|--threads|2x", "found \"2x\""},
        {"x|--threads| 2", "found \" 2\""},
        {"x|--threads|99999999999999999999", "expected a whole number"},
        {"x|--threads=", "found \"\""},
        {"x|--temperature|nan", "expected a number from 0 to 2"},
        {"x|--temperature|0x1", "expected a number"},
        {"x|--temperature|1e", "expected a number"},
        {"x|--temperature|None", "expected a number"},
        {"x|--seed|-1", "expected a whole number from 0"},
        {"x|--beam_siz|2", "did you mean --beam_size?"},
        {"x|--lang|en", "did you mean --language?"},
        {"x|--qqqqqq", "no such option; see"},
        {"x|-z", "-z: no such option"},
        {"x|--model", "needs a value"},
        {"x|--repeat|2", "not an option of this verb"},
        {"x|--task|sing", "expected transcribe|translate"},
        {"x|--word_timestamps=maybe", "expected True or False"},
        {"x|--language|klingon", "language"},
        {"x|-f|txt,doc", "found \"txt,doc\""},
        {"x|-f|txt,", "found \"txt,\""},
        {"x|--max_line_width|40", "needs --word_timestamps True"},
        {"x|--rate|8000", "only with --raw"},
    };
    for (size_t i = 0; i < N(rows); i++) {
        options opts;
        am_error error;
        if (parse(rows[i].line, &opts, &error) != AM_E_ARG) fail_msg("%s: taken", rows[i].line);
        if (strstr(error.detail, rows[i].says) == NULL) {
            fail_msg("%s: says %s", rows[i].line, error.detail);
        }
    }
}

static void flags_over_environment(void **state) {
    (void)state;
    options opts;
    am_error error;
    setenv("AMANUENSIS_BEAM_SIZE", "2", 1);
    setenv("AMANUENSIS_MODELS", "models", 1);
    setenv("AMANUENSIS_REPEAT", "not for this verb", 1);
    setenv("AMANUENSIS_TASK", "", 1);
    takes("x", &opts);
    assert_int_equal(opts.params.beam_size, 2);
    assert_string_equal(opts.engine.models_dir, "models");
    takes("x|--beam_size|4", &opts);
    assert_int_equal(opts.params.beam_size, 4);
    setenv("AMANUENSIS_BEAM_SIZE", "two", 1);
    assert_int_equal(parse("x", &opts, &error), AM_E_ARG);
    assert_non_null(strstr(error.detail, "AMANUENSIS_BEAM_SIZE: expected"));
    unsetenv("AMANUENSIS_BEAM_SIZE");
    unsetenv("AMANUENSIS_MODELS");
    unsetenv("AMANUENSIS_REPEAT");
    unsetenv("AMANUENSIS_TASK");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_is_found), cmocka_unit_test(defaults_are_legal),
        cmocka_unit_test(spellings),           cmocka_unit_test(booleans),
        cmocka_unit_test(modes_and_detector),
        cmocka_unit_test(none_and_numbers),    cmocka_unit_test(refusals),
        cmocka_unit_test(flags_over_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
