/* Status names, messages and the am_error writer: see status.h and the map in amanuensis.h. */
#include "base/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#ifndef AM_VERSION
#error "AM_VERSION comes from the build"
#endif

typedef struct status_row {
    const char *name;
    const char *message;
    int http;
    int exit_code;
    bool retryable;
} status_row;

static const status_row status_rows[] = {
#define STATUS_ROW(name, number, http, exit_code, retryable, message)                              \
    [number] = {#name, message, http, exit_code, retryable},
    AM_STATUS_MAP(STATUS_ROW)
#undef STATUS_ROW
};

static const status_row *row_of(am_status status) {
    const size_t n_rows = sizeof status_rows / sizeof status_rows[0];
    const size_t index = (size_t)status;
    return &status_rows[index < n_rows ? index : AM_E_INTERNAL];
}

const char *am_status_name(am_status status) {
    return row_of(status)->name;
}

const char *am_status_message(am_status status) {
    return row_of(status)->message;
}

int am_status_http(am_status status) {
    return row_of(status)->http;
}

int am_status_exit(am_status status) {
    return row_of(status)->exit_code;
}

bool am_status_retryable(am_status status) {
    return row_of(status)->retryable;
}

const char *am_version(void) {
    return AM_VERSION;
}

am_status am__fail(am_error *error, am_status status, const char *format, ...) {
    if (error != NULL) {
        va_list args;
        va_start(args, format);
        error->status = status;
        vsnprintf(error->detail, sizeof error->detail, format, args);
        va_end(args);
    }
    return status;
}

static am_status status_of_errno(int code) {
    switch (code) {
    case ENOENT:
    case ENOTDIR: return AM_E_NOT_FOUND;
    case ENOSPC:
    case EDQUOT: return AM_E_NO_SPACE;
    case ENOMEM: return AM_E_MEMORY;
    default: return AM_E_IO;
    }
}

am_status am__fail_errno(am_error *error, int code, const char *format, ...) {
    const am_status status = status_of_errno(code);
    if (error != NULL) {
        char reason[128];
        va_list args;
        va_start(args, format);
        vsnprintf(error->detail, sizeof error->detail, format, args);
        va_end(args);
        if (strerror_r(code, reason, sizeof reason) != 0) {
            snprintf(reason, sizeof reason, "error %d", code);
        }
        const size_t used = strlen(error->detail);
        snprintf(error->detail + used, sizeof error->detail - used, ": %s", reason);
        error->status = status;
    }
    return status;
}
