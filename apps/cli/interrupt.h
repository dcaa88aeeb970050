/* Ctrl-C: the first asks for a stop at the next token, the second ends the process at once. */
#ifndef AM_CLI_INTERRUPT_H
#define AM_CLI_INTERRUPT_H

#include <stdbool.h>

void interrupt_install(void);

/* A reader that goes away is then an error of write: what a server wants. */
void interrupt_ignore_pipes(void);

/* Whether a stop was asked for; fits am_callbacks.cancel. */
bool interrupt_requested(void *unused);

#endif
