/*
 * The typed options of all programs: one table (option_table.c) with name, type, bounds, help and
 * key feeds command line flags, AMANUENSIS_* variables and, by the same options_set, any other
 * source of name = value pairs. Defaults are the library's own (am_params_init and its kin).
 * Precedence: flags, then environment, then the configuration file (config_file.h), then defaults.
 * The only place that reads the environment.
 */
#ifndef AM_COMMON_OPTIONS_H
#define AM_COMMON_OPTIONS_H

#include <stdio.h>

#include "amanuensis.h"

#define OPTION_NAME_BYTES 64 /* longest name or variable, with its zero */
#define OPTION_ROWS_MAX 128

/* Which verbs an option belongs to. */
#define VERB_TRANSCRIBE (1u << 0)
#define VERB_PULL (1u << 1)
#define VERB_MODELS (1u << 2)
#define VERB_BENCH (1u << 3)
#define VERB_HELP (1u << 4)
#define VERB_VERSION (1u << 5)
#define VERB_QUANTIZE (1u << 6)
#define VERB_SERVE (1u << 7)
#define VERB_KEYS (1u << 8)
#define VERB_REQUEST (1u << 9) /* no verb: what a client of the server may set */
#define VERB_ALL (~0u)

typedef enum option_type {
    OPTION_BOOL,     /* True/False, yes/no, on/off, 1/0; alone on the command line: true */
    OPTION_INT,      /* int; a word of `choices` stands for 0, -1 … in turn */
    OPTION_SEED,     /* uint64_t */
    OPTION_REAL,     /* double */
    OPTION_TEXT,     /* const char *, borrowed from argv or the environment */
    OPTION_CHOICE,   /* an enum: position in `choices` */
    OPTION_LANGUAGE, /* const char *: a language code, or NULL for "auto" */
    OPTION_FORMATS,  /* unsigned: bit AM_FORMAT_X of each format in a comma-separated list */
} option_type;

typedef struct option_spec {
    const char *name; /* canonical, with underscores; '-' is taken for '_' */
    char letter;      /* short form, 0 = none */
    option_type type;
    unsigned verbs;
    size_t offset; /* of the field in struct options */
    double min, max;
    bool takes_none;      /* the word None is allowed and means `none` */
    double none;          /* NaN = off, for a threshold */
    const char *choices;  /* "transcribe|translate" */
    const char *argument; /* "DIR" in the help */
    const char *env;      /* variable; NULL = AMANUENSIS_ and the name in capitals */
    const char *key;      /* in JSON and HTTP fields; NULL = name */
    const char *help;
} option_spec;

typedef struct options {
    /* What the library takes as it is. */
    am_params params;
    am_engine_options engine;
    am_audio_options audio;
    am_write_options write;
    am_pull_options pull;

    const char *model;
    int device;
    bool fp16;
    double temperature;
    double temperature_increment; /* NaN = no fallback */

    const char *output_dir; /* NULL = not given, "-" = standard output */
    unsigned formats;       /* 0 = not given */
    bool verbose;
    bool quiet;

    char own_data_dir[1024];     /* what data_dir points to unless it is given */
    char cache_models_dir[1024]; /* what engine.models_dir points to unless it is given */

    /* Of the server. */
    const char *host;
    int port;
    const char *config;
    struct config_entry *config_values; /* what pointers into the file's values point to */
    const char *data_dir;
    const char *tls_cert, *tls_key; /* files */
    const char *cors_origins;
    const char *preload;
    int max_connections, max_uploads, max_queue, max_active;
    double max_upload_mb, max_duration_s;
    double models_max_mb, model_ttl_s;
    int rate_limit_rpm;
    int drain_s, client_timeout_s;
    double retention_days;
    const char *webhook_secret;
    bool webhook_private;
    const char *watch;

    int four_bits; /* of quantize: 1 = int4 */
    bool check;
    int repeat;
    bool roofline;
    bool json;
    int form; /* of the help: an option_form */
    bool help;

    bool given[OPTION_ROWS_MAX]; /* by flag or environment: one for each row of the table */

    char **inputs; /* positional arguments, moved to the front of argv */
    int n_inputs;
} options;

extern const option_spec option_table[];
extern const size_t n_option_specs;

/* The library's defaults and the programs' own. */
void options_defaults(options *opts);

/* Defaults, then the environment. Unknown AMANUENSIS_ variables get a warning line. */
AM_CHECK_RESULT am_status options_init(options *opts, unsigned verb, am_error *error);

/* Flags and inputs of argv[0 … argc-1], the verb already taken off; argv is reordered. */
AM_CHECK_RESULT am_status options_parse(options *opts, unsigned verb, int argc, char **argv,
                                        am_error *error);

/* One value from any source; `shown` is what the user wrote, for the message. */
AM_CHECK_RESULT am_status options_set(options *opts, const option_spec *spec, const char *shown,
                                      const char *value, am_error *error);

/* Settings that follow from others and rules between them; call after all sources. */
AM_CHECK_RESULT am_status options_resolve(options *opts, am_error *error);

/* The row of a name ('-' = '_'), or NULL. */
const option_spec *options_find(const char *name, size_t n);

/* The environment variable of an option: "AMANUENSIS_BEAM_SIZE". */
void options_variable(const option_spec *spec, char name[OPTION_NAME_BYTES]);

/* The one of `n` names that begins with the word or is within a few edits of it, or NULL. */
const char *options_nearest(const char *word, const char *(*at)(size_t index), size_t n);

/* Help of the verb's options: plain columns, roff for the manual page, or the server's as a
 * configuration file in which everything is commented out. */
typedef enum option_form {
    OPTION_FORM_TEXT,
    OPTION_FORM_MAN,
    OPTION_FORM_CONF,
    OPTION_FORM_BASH,
    OPTION_FORM_ZSH,
    OPTION_FORM_FISH,
} option_form;
void options_print_help(FILE *out, unsigned verb);
void options_print_man(FILE *out);
void options_print_conf(FILE *out);

#endif
