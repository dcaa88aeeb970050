/*
 * Options from flags and environment into struct options: see options.h. Numbers are parsed whole
 * and within bounds, names match exactly (with '-' for '_'), and what does not is answered with
 * the nearest name.
 */
#include "common/options.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/report.h"

extern char **environ;

#define ENV_PREFIX "AMANUENSIS_"
#define NEAREST_MAX_EDITS 3

/* Variables of this prefix that other parts of the project read. */
static const char *const foreign_variables[] = {"AMANUENSIS_SHARED"};

static char folded(char c) {
    if (c == '-') return '_';
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Whether name begins with text[0 … n-1], '-' taken for '_'. */
static bool same_name_part(const char *name, const char *text, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (name[i] == '\0' || name[i] != (text[i] == '-' ? '_' : text[i])) return false;
    }
    return true;
}

static bool same_name(const char *name, const char *text, size_t n) {
    return same_name_part(name, text, n) && name[n] == '\0';
}

static bool same_word(const char *word, const char *text) {
    for (; *word != '\0' && *text != '\0'; word++, text++) {
        if (folded(*word) != folded(*text)) return false;
    }
    return *word == *text;
}

const option_spec *options_find(const char *name, size_t n) {
    for (size_t i = 0; i < n_option_specs; i++) {
        if (same_name(option_table[i].name, name, n)) return &option_table[i];
    }
    return NULL;
}

static const option_spec *find_letter(char letter) {
    for (size_t i = 0; i < n_option_specs; i++) {
        if (letter != '\0' && option_table[i].letter == letter) return &option_table[i];
    }
    return NULL;
}

/* ---- Nearest name ------------------------------------------------------------------------- */

static size_t least(size_t a, size_t b, size_t c) {
    const size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Levenshtein distance of two names of at most OPTION_NAME_BYTES - 1 bytes, by rows. */
static size_t edits(const char *a, size_t n_a, const char *b, size_t n_b) {
    size_t row[OPTION_NAME_BYTES];
    for (size_t j = 0; j <= n_b; j++) row[j] = j;
    for (size_t i = 1; i <= n_a; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n_b; j++) {
            const size_t kept = diagonal + (folded(a[i - 1]) == folded(b[j - 1]) ? 0 : 1);
            diagonal = row[j];
            row[j] = least(kept, row[j] + 1, row[j - 1] + 1);
        }
    }
    return row[n_b];
}

const char *options_nearest(const char *word, const char *(*at)(size_t index), size_t n) {
    const size_t n_word = strlen(word);
    if (n_word < 2 || n_word >= OPTION_NAME_BYTES) return NULL;
    const char *nearest = NULL;
    size_t fewest = n_word / 3 < NEAREST_MAX_EDITS ? n_word / 3 + 1 : NEAREST_MAX_EDITS + 1;
    for (size_t i = 0; i < n; i++) {
        const size_t n_name = strlen(at(i));
        if (n_name >= OPTION_NAME_BYTES) continue;
        if (n_name > n_word && same_name_part(at(i), word, n_word)) return at(i);
        const size_t distance = edits(word, n_word, at(i), n_name);
        if (distance < fewest) {
            fewest = distance;
            nearest = at(i);
        }
    }
    return nearest;
}

static const char *name_at(size_t index) {
    return option_table[index].name;
}

static am_status fail_unknown(am_error *error, const char *argument, const char *name) {
    const char *nearest = options_nearest(name, name_at, n_option_specs);
    if (nearest == NULL) {
        return report_fail(error, AM_E_ARG, "%s: no such option; see `amanuensis help`", argument);
    }
    return report_fail(error, AM_E_ARG, "%s: no such option; did you mean --%s?", argument,
                       nearest);
}

/* ---- Values ------------------------------------------------------------------------------- */

static bool parse_bool(const char *text, bool *value) {
    static const char *const yes[] = {"true", "yes", "on", "1"};
    static const char *const no[] = {"false", "no", "off", "0"};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        if (same_word(yes[i], text) || same_word(no[i], text)) {
            *value = same_word(yes[i], text);
            return true;
        }
    }
    return false;
}

static bool parse_int(const char *text, double min, double max, int *value) {
    char *end = NULL;
    errno = 0;
    const long number = strtol(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || text[0] == ' ') return false;
    if ((double)number < min || (double)number > max) return false;
    *value = (int)number;
    return true;
}

/* Position of text in "a|b|c", or -1. */
static int choice_of(const char *choices, const char *text) {
    const size_t n = strlen(text);
    for (int position = 0;; position++) {
        const size_t n_choice = strcspn(choices, "|");
        if (n_choice == n && strncmp(choices, text, n) == 0) return position;
        if (choices[n_choice] == '\0') return -1;
        choices += n_choice + 1;
    }
}

/* A number, or a word that stands for one. */
static bool parse_count(const option_spec *spec, const char *text, int *value) {
    const int position = spec->choices != NULL ? choice_of(spec->choices, text) : -1;
    if (position < 0) return parse_int(text, spec->min, spec->max, value);
    *value = -position;
    return true;
}

static bool parse_seed(const char *text, uint64_t *value) {
    char *end = NULL;
    errno = 0;
    if (text[0] < '0' || text[0] > '9') return false;
    const unsigned long long number = strtoull(text, &end, 10);
    if (*end != '\0' || errno != 0) return false;
    *value = (uint64_t)number;
    return true;
}

static bool parse_real(const char *text, double min, double max, double *value) {
    char *end = NULL;
    errno = 0;
    if (strspn(text, "0123456789+-.eE") != strlen(text)) return false;
    const double number = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(number)) return false;
    if (number < min || number > max) return false;
    *value = number;
    return true;
}

static bool parse_formats(const char *text, unsigned *formats) {
    unsigned set = 0;
    while (*text != '\0') {
        char name[16];
        const size_t n = strcspn(text, ",");
        am_format format = AM_FORMAT_TXT;
        if (n >= sizeof name) return false;
        memcpy(name, text, n);
        name[n] = '\0';
        if (same_word("all", name)) {
            for (int each = AM_FORMAT_TXT; each <= AM_FORMAT_CSV; each++) set |= 1u << each;
        } else if (am_format_by_name(name, &format) == AM_OK) {
            set |= 1u << format;
        } else {
            return false;
        }
        text += n;
        if (*text == ',' && *++text == '\0') return false;
    }
    *formats = set;
    return set != 0;
}

static bool parse_language(const char *text, const char **language) {
    *language = same_word("auto", text) ? NULL : am_language_code(text);
    return *language != NULL || same_word("auto", text);
}

/* Stores the value; false when it is not one of this option. */
static bool store(const option_spec *spec, void *field, const char *value) {
    switch (spec->type) {
    case OPTION_BOOL: return parse_bool(value, field);
    case OPTION_INT: return parse_count(spec, value, field);
    case OPTION_SEED: return parse_seed(value, field);
    case OPTION_REAL: return parse_real(value, spec->min, spec->max, field);
    case OPTION_LANGUAGE: return parse_language(value, field);
    case OPTION_FORMATS: return parse_formats(value, field);
    case OPTION_TEXT: *(const char **)field = value; return true;
    case OPTION_CHOICE: {
        const int position = choice_of(spec->choices, value);
        if (position >= 0) memcpy(field, &position, sizeof position);
        return position >= 0;
    }
    }
    return false;
}

static void store_none(const option_spec *spec, void *field) {
    if (spec->type == OPTION_REAL) {
        *(double *)field = spec->none;
    } else if (spec->type == OPTION_INT) {
        *(int *)field = (int)spec->none;
    } else {
        *(const char **)field = NULL;
    }
}

/* What would have been right, for the message and the help. */
static void describe(const option_spec *spec, char *text, size_t size) {
    const char *none = spec->takes_none ? ", or None" : "";
    const char *words = spec->type == OPTION_INT && spec->choices != NULL ? spec->choices : "";
    switch (spec->type) {
    case OPTION_BOOL: snprintf(text, size, "True or False"); break;
    case OPTION_SEED: snprintf(text, size, "a whole number from 0"); break;
    case OPTION_INT:
        snprintf(text, size, "%s%sa whole number from %.0f to %.0f%s", words,
                 words[0] != '\0' ? ", or " : "", spec->min, spec->max, none);
        break;
    case OPTION_REAL:
        snprintf(text, size, "a number from %g to %g%s", spec->min, spec->max, none);
        break;
    case OPTION_CHOICE: snprintf(text, size, "%s", spec->choices); break;
    case OPTION_LANGUAGE: snprintf(text, size, "a language code or name, or auto"); break;
    case OPTION_FORMATS: snprintf(text, size, "txt, vtt, srt, tsv, json, lrc, csv or all"); break;
    case OPTION_TEXT: snprintf(text, size, "text"); break;
    }
}

am_status options_set(options *opts, const option_spec *spec, const char *shown, const char *value,
                      am_error *error) {
    void *field = (char *)opts + spec->offset;
    opts->given[spec - option_table] = true;
    if (spec->takes_none && same_word("none", value)) {
        store_none(spec, field);
        return AM_OK;
    }
    if (store(spec, field, value)) return AM_OK;
    char expected[128];
    describe(spec, expected, sizeof expected);
    return report_fail(error, AM_E_ARG, "%s: expected %s, found \"%.80s\"", shown, expected, value);
}

/* ---- Sources ------------------------------------------------------------------------------ */

void options_variable(const option_spec *spec, char name[OPTION_NAME_BYTES]) {
    if (spec->env != NULL) {
        snprintf(name, OPTION_NAME_BYTES, "%s", spec->env);
        return;
    }
    const int n_prefix = snprintf(name, OPTION_NAME_BYTES, ENV_PREFIX "%s", spec->name);
    for (char *at = name + strlen(ENV_PREFIX); at < name + n_prefix; at++) {
        if (*at >= 'a' && *at <= 'z') *at = (char)(*at - 'a' + 'A');
    }
}

static bool is_known_variable(const char *name, size_t n) {
    char known[OPTION_NAME_BYTES];
    for (size_t i = 0; i < n_option_specs; i++) {
        options_variable(&option_table[i], known);
        if (strlen(known) == n && strncmp(known, name, n) == 0) return true;
    }
    for (size_t i = 0; i < sizeof foreign_variables / sizeof foreign_variables[0]; i++) {
        const char *foreign = foreign_variables[i];
        if (strlen(foreign) == n && strncmp(foreign, name, n) == 0) return true;
    }
    return false;
}

static void warn_of_unknown_variables(void) {
    for (char **entry = environ; entry != NULL && *entry != NULL; entry++) {
        const size_t n = strcspn(*entry, "=");
        if (strncmp(*entry, ENV_PREFIX, strlen(ENV_PREFIX)) != 0) continue;
        if (!is_known_variable(*entry, n)) {
            report_warning("%.*s: no such variable, ignored", (int)n, *entry);
        }
    }
}

static am_status apply_environment(options *opts, unsigned verb, am_error *error) {
    for (size_t i = 0; i < n_option_specs; i++) {
        char name[OPTION_NAME_BYTES];
        options_variable(&option_table[i], name);
        const char *value = getenv(name);
        if ((option_table[i].verbs & verb) == 0 || value == NULL || value[0] == '\0') continue;
        REPORT_TRY(options_set(opts, &option_table[i], name, value, error));
    }
    warn_of_unknown_variables();
    return AM_OK;
}

void options_defaults(options *opts) {
    memset(opts, 0, sizeof *opts);
    am_params_init(&opts->params);
    am_engine_options_init(&opts->engine);
    am_audio_options_init(&opts->audio);
    opts->model = "tiny.en";
    opts->fp16 = false;
    opts->temperature = 0;
    opts->temperature_increment = 0.2;
    opts->repeat = 1;
    opts->host = "127.0.0.1";
    opts->port = 9004;
    opts->max_connections = 512;
    opts->max_uploads = 64;
    opts->max_active = 16;
    opts->max_queue = 256;
    opts->max_upload_mb = 2048;
    opts->models_max_mb = 4096;
    opts->drain_s = 30;
    opts->client_timeout_s = 30;
}

/* $XDG_CACHE_HOME/amanuensis or $HOME/.cache/amanuensis; without both the library finds one. */
static void use_cache_folder(options *opts) {
    const char *cache = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    const bool has_cache = cache != NULL && cache[0] == '/';
    if (!has_cache && (home == NULL || home[0] != '/')) return;
    const int n = snprintf(opts->cache_models_dir, sizeof opts->cache_models_dir, "%s%s/amanuensis",
                           has_cache ? cache : home, has_cache ? "" : "/.cache");
    if (n > 0 && (size_t)n < sizeof opts->cache_models_dir) {
        opts->engine.models_dir = opts->cache_models_dir;
    }
}

/* $XDG_DATA_HOME/amanuensis or $HOME/.local/share/amanuensis. */
static void use_data_folder(options *opts) {
    const char *data = getenv("XDG_DATA_HOME");
    const char *home = getenv("HOME");
    const bool has_data = data != NULL && data[0] == '/';
    if (!has_data && (home == NULL || home[0] != '/')) return;
    const int n = snprintf(opts->own_data_dir, sizeof opts->own_data_dir, "%s%s/amanuensis",
                           has_data ? data : home, has_data ? "" : "/.local/share");
    if (n > 0 && (size_t)n < sizeof opts->own_data_dir) opts->data_dir = opts->own_data_dir;
}

am_status options_init(options *opts, unsigned verb, am_error *error) {
    options_defaults(opts);
    use_cache_folder(opts);
    use_data_folder(opts);
    return apply_environment(opts, verb, error);
}

/* One flag at argv[*at], with its value there or in the next argument. */
static am_status parse_flag(options *opts, unsigned verb, int argc, char **argv, int *at,
                            am_error *error) {
    const char *argument = argv[*at];
    const bool is_long = argument[1] == '-';
    const char *name = argument + (is_long ? 2 : 1);
    const size_t n_name = is_long ? strcspn(name, "=") : 1;
    const option_spec *spec = is_long ? options_find(name, n_name) : find_letter(name[0]);
    char shown[OPTION_NAME_BYTES];
    snprintf(shown, sizeof shown, "%.*s", (int)(name - argument) + (int)n_name, argument);
    if (spec == NULL) return fail_unknown(error, shown, shown + (name - argument));
    if ((spec->verbs & verb) == 0) {
        return report_fail(error, AM_E_ARG, "%s: not an option of this verb", shown);
    }
    const char *value = NULL;
    bool ignored = false;
    if (name[n_name] != '\0') {
        value = name + n_name + (is_long ? 1 : 0);
    } else if (spec->type == OPTION_BOOL) {
        const bool has_word = *at + 1 < argc && parse_bool(argv[*at + 1], &ignored);
        value = has_word ? argv[++*at] : "True";
    } else if (*at + 1 < argc) {
        value = argv[++*at];
    } else {
        return report_fail(error, AM_E_ARG, "%s: needs a value", shown);
    }
    return options_set(opts, spec, shown, value, error);
}

am_status options_parse(options *opts, unsigned verb, int argc, char **argv, am_error *error) {
    opts->inputs = argv;
    bool flags_ended = false;
    for (int at = 0; at < argc; at++) {
        const bool is_flag = !flags_ended && argv[at][0] == '-' && argv[at][1] != '\0';
        if (is_flag && strcmp(argv[at], "--") == 0) {
            flags_ended = true;
        } else if (is_flag) {
            REPORT_TRY(parse_flag(opts, verb, argc, argv, &at, error));
        } else {
            opts->inputs[opts->n_inputs++] = argv[at];
        }
    }
    return AM_OK;
}

/* ---- Rules between options ---------------------------------------------------------------- */

/* t, t + step, … up to 1, as the original's list of temperatures. */
static void list_temperatures(options *opts) {
    am_params *params = &opts->params;
    params->temperatures[0] = opts->temperature;
    params->n_temperatures = 1;
    if (isnan(opts->temperature_increment)) return;
    for (int i = 1; i < AM_MAX_TEMPERATURES; i++) {
        const double next = opts->temperature + i * opts->temperature_increment;
        if (next > 1 + 1e-6) break;
        params->temperatures[i] = next;
        params->n_temperatures = i + 1;
    }
}

static bool is_given(const options *opts, const char *name) {
    return opts->given[options_find(name, strlen(name)) - option_table];
}

/* Options that say nothing in the mode that was chosen. */
static void warn_of_mode(const options *opts) {
    static const char *const of_batched[] = {
        "batch_size", "audio_ctx", "audio_ctx_margin", "vad_filter", "vad_threshold",
        "vad_neg_threshold", "vad_min_speech_duration_ms", "vad_max_speech_duration_s",
        "vad_min_silence_duration_ms", "vad_speech_pad_ms"};
    if (opts->params.mode == AM_MODE_BATCHED) {
        if (is_given(opts, "condition_on_previous_text") &&
            opts->params.condition_on_previous_text) {
            report_warning("--condition_on_previous_text: without effect in batched mode, whose "
                           "windows do not wait for each other; see --mode sequential");
        }
        return;
    }
    for (size_t i = 0; i < sizeof of_batched / sizeof of_batched[0]; i++) {
        if (!is_given(opts, of_batched[i])) continue;
        report_warning("--%s: without effect in sequential mode", of_batched[i]);
    }
}

am_status options_resolve(options *opts, am_error *error) {
    list_temperatures(opts);
    const am_write_options *write = &opts->write;
    const char *needs_words = write->highlight_words           ? "--highlight_words"
                              : write->max_line_width > 0      ? "--max_line_width"
                              : write->max_line_count > 0      ? "--max_line_count"
                              : write->max_words_per_line > 0  ? "--max_words_per_line"
                                                               : NULL;
    if (needs_words != NULL && !opts->params.word_timestamps) {
        return report_fail(error, AM_E_ARG, "%s: needs --word_timestamps True", needs_words);
    }
    if (opts->audio.raw == AM_PCM_NONE && (opts->audio.raw_rate | opts->audio.raw_channels) != 0) {
        return report_fail(error, AM_E_ARG, "--rate and --channels: only with --raw");
    }
    if (opts->quiet) return AM_OK;
    warn_of_mode(opts);
    if (opts->fp16) report_warning("--fp16: without effect, see --compute_type");
    if (write->max_line_count > 0 && write->max_line_width == 0) {
        report_warning("--max_line_count: without effect, needs --max_line_width");
    }
    if (write->max_words_per_line > 0 && write->max_line_width > 0) {
        report_warning("--max_words_per_line: without effect beside --max_line_width");
    }
    return AM_OK;
}
