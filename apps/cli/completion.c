/*
 * Shell completions: see completion.h. A first word is a verb or a file; options are those of the
 * verb; a value is one of the option's choices, a folder where the help says DIR, else a file.
 */
#include "cli/completion.h"

#include <string.h>

#include "cli/verbs.h"

static bool belongs(const option_spec *spec, const verb *v) {
    return (spec->verbs & v->bit) != 0;
}

static bool is_folder(const option_spec *spec) {
    return spec->argument != NULL && strcmp(spec->argument, "DIR") == 0;
}

/* What may stand behind the option: "transcribe translate"; "" when it is not known. */
static void print_choices(FILE *out, const option_spec *spec) {
    if (spec->type == OPTION_BOOL) {
        fputs("True False", out);
    } else if (spec->type == OPTION_FORMATS) {
        fputs("txt vtt srt tsv json lrc csv all", out);
    } else {
        for (const char *at = spec->choices; at != NULL && *at != '\0'; at++) {
            fputc(*at == '|' ? ' ' : *at, out);
        }
    }
}

static bool has_choices(const option_spec *spec) {
    return spec->type == OPTION_BOOL || spec->type == OPTION_FORMATS || spec->choices != NULL;
}

/* Text between single quotes of any of the shells; `escape` stands before what is special. */
static void print_quoted(FILE *out, const char *text, const char *special) {
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            fputs("'\\''", out);
        } else {
            if (strchr(special, *text) != NULL) fputc('\\', out);
            fputc(*text, out);
        }
    }
}

static void print_verb_names(FILE *out) {
    for (size_t i = 0; i < n_verbs; i++) fprintf(out, "%s%s", i > 0 ? " " : "", verbs[i].name);
}

/* ---- bash ---------------------------------------------------------------------------------- */

static void print_bash_values(FILE *out) {
    fputs("    case $previous in\n", out);
    for (size_t i = 0; i < n_option_specs; i++) {
        const option_spec *spec = &option_table[i];
        if (!has_choices(spec) && !is_folder(spec)) continue;
        fprintf(out, "        --%s) ", spec->name);
        if (is_folder(spec)) {
            fputs("COMPREPLY=($(compgen -d -- \"$current\"))", out);
        } else {
            fputs("COMPREPLY=($(compgen -W '", out);
            print_choices(out, spec);
            fputs("' -- \"$current\"))", out);
        }
        fputs("; return ;;\n", out);
    }
    fputs("    esac\n", out);
}

void completion_print_bash(FILE *out) {
    fputs("# bash completion of amanuensis, made by `amanuensis help --as bash`.\n"
          "_amanuensis() {\n"
          "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
          "    local verb=${COMP_WORDS[1]} options=\n", out);
    print_bash_values(out);
    fputs("    case $verb in\n", out);
    for (size_t i = n_verbs; i-- > 0;) { /* the first verb is meant when none is given */
        fprintf(out, "        %s) options='", i == 0 ? "*" : verbs[i].name);
        for (size_t j = 0; j < n_option_specs; j++) {
            if (belongs(&option_table[j], &verbs[i])) fprintf(out, "--%s ", option_table[j].name);
        }
        fputs("' ;;\n", out);
    }
    fputs("    esac\n"
          "    if [[ $current == -* ]]; then\n"
          "        COMPREPLY=($(compgen -W \"$options\" -- \"$current\"))\n"
          "        return\n"
          "    fi\n"
          "    COMPREPLY=($(compgen -f -- \"$current\"))\n"
          "    if [[ $COMP_CWORD == 1 ]]; then\n"
          "        COMPREPLY+=($(compgen -W '", out);
    print_verb_names(out);
    fputs("' -- \"$current\"))\n"
          "    fi\n"
          "}\n"
          "complete -o filenames -F _amanuensis amanuensis\n", out);
}

/* ---- zsh ----------------------------------------------------------------------------------- */

static void print_zsh_option(FILE *out, const option_spec *spec) {
    fprintf(out, "                '--%s[", spec->name);
    print_quoted(out, spec->help, "[]:\\");
    fprintf(out, "]:%s:", spec->argument != NULL ? spec->argument : "value");
    if (has_choices(spec)) {
        fputc('(', out);
        print_choices(out, spec);
        fputc(')', out);
    } else {
        fputs(is_folder(spec) ? "_files -/" : "_files", out);
    }
    fputs("' \\\n", out);
}

void completion_print_zsh(FILE *out) {
    fputs("#compdef amanuensis\n"
          "# zsh completion of amanuensis, made by `amanuensis help --as zsh`.\n"
          "_amanuensis() {\n"
          "    local -a verbs\n"
          "    verbs=(\n", out);
    for (size_t i = 0; i < n_verbs; i++) {
        fprintf(out, "        '%s:", verbs[i].name);
        print_quoted(out, verbs[i].summary, ":\\");
        fputs("'\n", out);
    }
    fputs("    )\n"
          "    if (( CURRENT == 2 )); then\n"
          "        _describe verb verbs\n"
          "        _files\n"
          "        return\n"
          "    fi\n"
          "    case $words[2] in\n", out);
    for (size_t i = n_verbs; i-- > 0;) {
        fprintf(out, "        %s)\n            _arguments \\\n", i == 0 ? "*" : verbs[i].name);
        for (size_t j = 0; j < n_option_specs; j++) {
            if (belongs(&option_table[j], &verbs[i])) print_zsh_option(out, &option_table[j]);
        }
        fputs("                '*:file:_files' ;;\n", out);
    }
    fputs("    esac\n"
          "}\n"
          "_amanuensis \"$@\"\n", out);
}

/* ---- fish ---------------------------------------------------------------------------------- */

static void print_fish_option(FILE *out, const option_spec *spec) {
    fputs("complete -c amanuensis -n '__fish_seen_subcommand_from", out);
    for (size_t i = 0; i < n_verbs; i++) {
        if (belongs(spec, &verbs[i])) fprintf(out, " %s", verbs[i].name);
    }
    fprintf(out, "' -l %s", spec->name);
    if (spec->letter != 0) fprintf(out, " -s %c", spec->letter);
    fputs(" -r", out);
    if (has_choices(spec)) {
        fputs(" -f -a '", out);
        print_choices(out, spec);
        fputc('\'', out);
    } else if (is_folder(spec)) {
        fputs(" -f -a '(__fish_complete_directories)'", out);
    }
    fputs(" -d \"", out);
    for (const char *at = spec->help; *at != '\0'; at++) {
        if (strchr("\"$\\", *at) != NULL) fputc('\\', out);
        fputc(*at, out);
    }
    fputs("\"\n", out);
}

void completion_print_fish(FILE *out) {
    fputs("# fish completion of amanuensis, made by `amanuensis help --as fish`.\n", out);
    for (size_t i = 0; i < n_verbs; i++) {
        fprintf(out, "complete -c amanuensis -n __fish_use_subcommand -a %s -d '", verbs[i].name);
        for (const char *at = verbs[i].summary; *at != '\0'; at++) {
            if (strchr("'\\", *at) != NULL) fputc('\\', out);
            fputc(*at, out);
        }
        fputs("'\n", out);
    }
    for (size_t j = 0; j < n_option_specs; j++) print_fish_option(out, &option_table[j]);
}
