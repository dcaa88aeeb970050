/*
 * Errors of the programs: the same code-and-detail pair as the library's, and the one line per
 * error on standard error that users see: `amanuensis: SUBJECT: message: detail`.
 */
#ifndef AM_COMMON_REPORT_H
#define AM_COMMON_REPORT_H

#include "amanuensis.h"

/* Stores code and detail in *error (which may be NULL) and returns the code. */
am_status report_fail(am_error *error, am_status status, const char *format, ...) AM_PRINTF(3, 4);

/* Same, with the message of errno value `code` appended; the status follows from it. */
am_status report_fail_errno(am_error *error, int code, const char *format, ...) AM_PRINTF(3, 4);

/* Prints the error's line, about `subject` (a file, a model, or NULL); a detail that begins with
 * the subject does not say it twice. Returns the exit code that belongs to the error. */
int report_error(const char *subject, const am_error *error);

/* Prints `amanuensis: warning: …`. */
void report_warning(const char *format, ...) AM_PRINTF(1, 2);

/* Sends the library's log lines of this level and above to standard error. */
void report_log(am_log_level at_least);

/* Called before a line is printed, so that a progress bar can leave the screen; NULL = none. */
void report_set_before_line(void (*hide)(void));

#define REPORT_TRY(expression)                                                                     \
    do {                                                                                           \
        const am_status report_try_status = (expression);                                          \
        if (report_try_status != AM_OK) return report_try_status;                                  \
    } while (0)

#endif
