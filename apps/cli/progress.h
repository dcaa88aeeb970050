/*
 * A progress bar on standard error: only on a terminal, redrawn at most ten times a second, with
 * the time that is left. One bar at a time.
 */
#ifndef AM_CLI_PROGRESS_H
#define AM_CLI_PROGRESS_H

#include <stdbool.h>

typedef enum progress_unit { PROGRESS_SECONDS, PROGRESS_BYTES } progress_unit;

/* Starts the bar; `label` is borrowed until progress_end. Not shown when `shown` is false. */
void progress_begin(const char *label, progress_unit unit, bool shown);

/* total <= 0: unknown. */
void progress_update(double done, double total);

/* Takes the bar off the screen so that a line can be printed; the next update draws it again. */
void progress_hide(void);

void progress_end(void);

#endif
