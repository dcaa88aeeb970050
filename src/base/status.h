/*
 * Error reporting: a status code travels by return value, one detail line beside it in am_error.
 * AM_FAIL originates an error, AM_TRY forwards one to the caller.
 */
#ifndef AM_BASE_STATUS_H
#define AM_BASE_STATUS_H

#include "amanuensis.h"

/* Stores code and detail line in *error (which may be NULL) and returns the code. */
am_status am__fail(am_error *error, am_status status, const char *format, ...) AM_PRINTF(3, 4);

/* Same, with ": " and the message of errno value `code` appended; the status follows from it
 * (ENOENT -> E_NOT_FOUND, ENOSPC -> E_NO_SPACE, ENOMEM -> E_MEMORY, else E_IO). */
am_status am__fail_errno(am_error *error, int code, const char *format, ...) AM_PRINTF(3, 4);

#define AM_FAIL(error, status, ...) return am__fail((error), (status), __VA_ARGS__)

#define AM_TRY(expression)                                                                         \
    do {                                                                                           \
        const am_status am_try_status = (expression);                                              \
        if (am_try_status != AM_OK) return am_try_status;                                          \
    } while (0)

/* In functions with a `done:` label that releases what they own; needs a local `status`. */
#define AM_TRY_DONE(expression)                                                                    \
    do {                                                                                           \
        status = (expression);                                                                     \
        if (status != AM_OK) goto done;                                                            \
    } while (0)

#endif
