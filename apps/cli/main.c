/*
 * The program `amanuensis VERB ...`: finds the verb, reads its options, runs it. A first argument
 * that is no verb is a file to transcribe. Knows no audio and no model.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/completion.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/verbs.h"
#include "common/config_file.h"
#include "common/report.h"

static int verb_help(const options *opts);
static int verb_version(const options *opts);

const verb verbs[] = {
    {"transcribe", "FILE...", "write what is said in audio or video (- is standard input)",
     VERB_TRANSCRIBE, verb_transcribe},
    {"serve", "", "transcribe for others: a server with a page, on port 9004", VERB_SERVE,
     verb_serve},
    {"keys", "add|list|remove", "manage the API keys of the server", VERB_KEYS, verb_keys},
    {"pull", "NAME...", "fetch models", VERB_PULL, verb_pull},
    {"models", "", "list the models that can be pulled, and those installed", VERB_MODELS,
     verb_models},
    {"quantize", "IN OUT.amn", "write a model as 8- or 4-bit weights that load in an instant",
     VERB_QUANTIZE, verb_quantize},
    {"bench", "FILE...", "measure the time of each stage", VERB_BENCH, verb_bench},
    {"help", "[VERB]", "explain a verb and its options", VERB_HELP, verb_help},
    {"version", "", "print the version", VERB_VERSION, verb_version},
};
const size_t n_verbs = sizeof verbs / sizeof verbs[0];

static const verb *find_verb(const char *name) {
    for (size_t i = 0; i < n_verbs; i++) {
        if (strcmp(verbs[i].name, name) == 0) return &verbs[i];
    }
    return NULL;
}

static const char *verb_name_at(size_t index) {
    return verbs[index].name;
}

static void print_overview(void) {
    printf("amanuensis %s: speech to text with Whisper models\n\n", am_version());
    for (size_t i = 0; i < n_verbs; i++) {
        char call[64];
        snprintf(call, sizeof call, "amanuensis %s %s", verbs[i].name, verbs[i].arguments);
        printf("  %-32s%s\n", call, verbs[i].summary);
    }
    printf("\n`amanuensis FILE...` transcribes too. `amanuensis help VERB` explains the options;\n"
           "every option is also a variable: --beam_size is AMANUENSIS_BEAM_SIZE.\n");
}

static int explain(const verb *about) {
    printf("amanuensis %s [OPTION]... %s\n    %s\n\n", about->name, about->arguments,
           about->summary);
    options_print_help(stdout, about->bit);
    return 0;
}


static int verb_help(const options *opts) {
    switch ((option_form)opts->form) {
    case OPTION_FORM_TEXT: break;
    case OPTION_FORM_MAN: options_print_man(stdout); return 0;
    case OPTION_FORM_CONF: options_print_conf(stdout); return 0;
    case OPTION_FORM_BASH: completion_print_bash(stdout); return 0;
    case OPTION_FORM_ZSH: completion_print_zsh(stdout); return 0;
    case OPTION_FORM_FISH: completion_print_fish(stdout); return 0;
    }
    if (opts->n_inputs == 0) {
        print_overview();
        return 0;
    }
    const verb *about = find_verb(opts->inputs[0]);
    if (about != NULL) return explain(about);
    am_error error;
    (void)report_fail(&error, AM_E_ARG, "%s: no such verb; see `amanuensis help`",
                      opts->inputs[0]);
    return report_error(NULL, &error);
}

static int verb_version(const options *opts) {
    (void)opts;
    printf("amanuensis %s\n", am_version());
    return 0;
}

/* A word that is no file but nearly a verb is a slip of the fingers. */
static const char *misspelt_verb(const char *word) {
    if (word[0] == '-' || strpbrk(word, "./") != NULL || access(word, F_OK) == 0) return NULL;
    return options_nearest(word, verb_name_at, n_verbs);
}

static int run_with(options *opts, const verb *chosen, int argc, char **argv) {
    am_error error;
    am_status status = options_init(opts, chosen->bit, &error);
    if (status == AM_OK) status = options_parse(opts, chosen->bit, argc, argv, &error);
    if (status == AM_OK && opts->help) {
        if (chosen->bit == VERB_HELP) print_overview();
        return chosen->bit == VERB_HELP ? 0 : explain(chosen);
    }
    if (status == AM_OK) status = config_file_apply(opts, chosen->bit, &error);
    if (status == AM_OK) status = options_resolve(opts, &error);
    if (status != AM_OK) return report_error(NULL, &error);
    report_log(opts->verbose ? AM_LOG_INFO : opts->quiet ? AM_LOG_ERROR : AM_LOG_WARN);
    return chosen->run(opts);
}

static int run(const verb *chosen, int argc, char **argv) {
    options opts;
    const int code = run_with(&opts, chosen, argc, argv);
    config_file_release(&opts);
    return code;
}

int main(int argc, char **argv) {
    interrupt_install();
    report_set_before_line(progress_hide);
    if (argc < 2) {
        print_overview();
        return am_status_exit(AM_E_ARG);
    }
    if (strcmp(argv[1], "--version") == 0) return verb_version(NULL);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_overview();
        return 0;
    }
    const verb *chosen = find_verb(argv[1]);
    const char *meant = chosen == NULL ? misspelt_verb(argv[1]) : NULL;
    if (meant != NULL) {
        am_error error;
        (void)report_fail(&error, AM_E_ARG, "%s: neither a verb nor a file; did you mean %s?",
                          argv[1], meant);
        return report_error(NULL, &error);
    }
    int code = chosen != NULL ? run(chosen, argc - 2, argv + 2)
                              : run(&verbs[0], argc - 1, argv + 1);
    if (fflush(stdout) != 0 && code == 0) {
        am_error error;
        (void)report_fail_errno(&error, errno, "cannot write standard output");
        code = report_error(NULL, &error);
    }
    return code;
}
