/*
 * Help out of the option table, in columns for a terminal or in roff for the manual page. Default
 * values are read from a struct of defaults, so that the help cannot say anything else.
 */
#include <math.h>
#include <string.h>

#include "common/options.h"

/* A default as the user would write it; "" when there is none worth telling. */
static void default_text(const option_spec *spec, char *text, size_t size) {
    options defaults;
    options_defaults(&defaults);
    const void *field = (const char *)&defaults + spec->offset;
    text[0] = '\0';
    switch (spec->type) {
    case OPTION_BOOL: snprintf(text, size, "%s", *(const bool *)field ? "True" : "False"); break;
    case OPTION_SEED: snprintf(text, size, "0"); break;
    case OPTION_INT: {
        const int value = *(const int *)field;
        if (spec->takes_none && value == (int)spec->none) {
            snprintf(text, size, "None");
        } else if (value >= spec->min) {
            snprintf(text, size, "%d", value);
        }
        break;
    }
    case OPTION_REAL: {
        const double value = *(const double *)field;
        const bool none = spec->takes_none && (isnan(value) || value == spec->none);
        snprintf(text, size, none ? "None" : "%g", value);
        break;
    }
    case OPTION_CHOICE: {
        int position = 0;
        memcpy(&position, field, sizeof position);
        const char *choice = spec->choices;
        while (position-- > 0) choice += strcspn(choice, "|") + 1;
        snprintf(text, size, "%.*s", (int)strcspn(choice, "|"), choice);
        break;
    }
    case OPTION_TEXT: {
        const char *value = *(const char *const *)field;
        if (value != NULL) snprintf(text, size, "%s", value);
        break;
    }
    case OPTION_LANGUAGE: snprintf(text, size, "auto"); break;
    case OPTION_FORMATS: break;
    }
}

static const char *argument_of(const option_spec *spec) {
    return spec->argument != NULL ? spec->argument : spec->choices;
}

/* Text in lines of at most `width` columns, each but the first indented. */
static void print_wrapped(FILE *out, const char *text, int indent, int width) {
    int column = 0;
    while (*text != '\0') {
        const int n = (int)strcspn(text, " ");
        if (column > 0 && column + 1 + n > width) {
            fprintf(out, "\n%*s", indent, "");
            column = 0;
        }
        fprintf(out, "%s%.*s", column > 0 ? " " : "", n, text);
        column += n + (column > 0 ? 1 : 0);
        text += n;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

void options_print_help(FILE *out, unsigned verb) {
    for (size_t i = 0; i < n_option_specs; i++) {
        const option_spec *spec = &option_table[i];
        if ((spec->verbs & verb) == 0) continue;
        char letter[8] = "    ";
        char text[512];
        char value[64];
        if (spec->letter != 0) snprintf(letter, sizeof letter, "-%c, ", spec->letter);
        fprintf(out, "  %s--%s %s\n%10s", letter, spec->name, argument_of(spec), "");
        default_text(spec, value, sizeof value);
        const bool shows_default = value[0] != '\0' && strcmp(spec->name, "help") != 0;
        snprintf(text, sizeof text, "%s%s%s%s", spec->help, shows_default ? " [" : "",
                 shows_default ? value : "", shows_default ? "]" : "");
        print_wrapped(out, text, 10, 80);
    }
}

/* Text in comment lines of at most `width` columns. */
static void print_comment(FILE *out, const char *text, int width) {
    int column = 0;
    while (*text != '\0') {
        const int n = (int)strcspn(text, " ");
        if (column > 0 && column + 1 + n > width) {
            fputc('\n', out);
            column = 0;
        }
        column += fprintf(out, "%s%.*s", column > 0 ? " " : "# ", n, text);
        text += n;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

void options_print_conf(FILE *out) {
    fputs("# Options of `amanuensis serve`: NAME = VALUE. Flags and AMANUENSIS_ variables go\n"
          "# before what stands here. What is commented out shows the default. A value may go\n"
          "# on in indented lines.\n[amanuensis]\n", out);
    for (size_t i = 0; i < n_option_specs; i++) {
        const option_spec *spec = &option_table[i];
        char value[64];
        const bool is_setting = (spec->verbs & VERB_SERVE) != 0 && spec->verbs != VERB_ALL &&
                                strcmp(spec->name, "config") != 0;
        if (!is_setting) continue;
        default_text(spec, value, sizeof value);
        fputc('\n', out);
        print_comment(out, spec->help, 90);
        fprintf(out, "#%s =%s%s\n", spec->name, value[0] != '\0' ? " " : "", value);
    }
}

/* roff text: backslashes and hyphens escaped. */
static void print_roff(FILE *out, const char *text) {
    for (; *text != '\0'; text++) {
        if (*text == '-') {
            fputs("\\-", out);
        } else if (*text == '\\') {
            fputs("\\e", out);
        } else {
            fputc(*text, out);
        }
    }
}

void options_print_man(FILE *out) {
    for (size_t i = 0; i < n_option_specs; i++) {
        const option_spec *spec = &option_table[i];
        char variable[OPTION_NAME_BYTES];
        char value[64];
        if (spec->verbs == VERB_HELP) continue;
        options_variable(spec, variable);
        fputs(".TP\n", out);
        if (spec->letter != 0) fprintf(out, "\\fB\\-%c\\fR, ", spec->letter);
        fputs("\\fB\\-\\-", out);
        print_roff(out, spec->name);
        fputs("\\fR ", out);
        print_roff(out, argument_of(spec));
        fputc('\n', out);
        print_roff(out, spec->help);
        fputs(".\n", out);
        default_text(spec, value, sizeof value);
        if (value[0] != '\0' && strcmp(spec->name, "help") != 0) {
            fputs("Default: ", out);
            print_roff(out, value);
            fputs(".\n", out);
        }
        fprintf(out, "Variable: %s.\n", variable);
    }
}
