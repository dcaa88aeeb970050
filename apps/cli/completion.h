/* Completions of the command line for shells, out of the tables of verbs and options. */
#ifndef AM_CLI_COMPLETION_H
#define AM_CLI_COMPLETION_H

#include <stdio.h>

void completion_print_bash(FILE *out);
void completion_print_zsh(FILE *out);
void completion_print_fish(FILE *out);

#endif
