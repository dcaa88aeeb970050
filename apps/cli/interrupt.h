/* Ctrl-C: the first asks for a stop at the next token, the second ends the process at once. */
#ifndef AM_CLI_INTERRUPT_H
#define AM_CLI_INTERRUPT_H

#include <stdbool.h>

void interrupt_install(void);

/* Whether a stop was asked for; fits am_callbacks.cancel. */
bool interrupt_requested(void *unused);

#endif
