/* Error and warning lines of the programs: see report.h. */
#include "common/report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void (*hide_progress)(void);

void report_set_before_line(void (*hide)(void)) {
    hide_progress = hide;
}

am_status report_fail(am_error *error, am_status status, const char *format, ...) {
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
    case ENOENT: return AM_E_NOT_FOUND;
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return AM_E_NO_SPACE;
    case ENOMEM: return AM_E_MEMORY;
    default: return AM_E_IO;
    }
}

am_status report_fail_errno(am_error *error, int code, const char *format, ...) {
    char what[384];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return report_fail(error, status_of_errno(code), "%s: %s", what, strerror(code));
}

/* One line whatever the text holds: file names may contain newlines and terminal codes. */
static void print_line(char *line) {
    if (hide_progress != NULL) hide_progress();
    for (char *at = line; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7f) *at = '?';
    }
    fprintf(stderr, "amanuensis: %s\n", line);
}

int report_error(const char *subject, const am_error *error) {
    const char *message = am_status_message(error->status);
    const char *detail = error->detail;
    const size_t n = subject != NULL ? strlen(subject) : 0;
    if (n > 0 && strncmp(detail, subject, n) == 0 && strncmp(detail + n, ": ", 2) == 0) {
        detail += n + 2;
    }
    char line[2048];
    snprintf(line, sizeof line, "%s%s%s%s%s", n > 0 ? subject : "", n > 0 ? ": " : "", message,
             detail[0] == '\0' ? "" : ": ", detail);
    print_line(line);
    return am_status_exit(error->status);
}

void report_warning(const char *format, ...) {
    char line[1024] = "warning: ";
    const size_t n = strlen(line);
    va_list args;
    va_start(args, format);
    vsnprintf(line + n, sizeof line - n, format, args);
    va_end(args);
    print_line(line);
}

static void log_line(void *user, am_log_level level, const char *text) {
    (void)user;
    static const char *const names[] = {"debug", "info", "warning", "error"};
    char line[1280];
    snprintf(line, sizeof line, "%s: %s", names[level], text);
    print_line(line);
}

void report_log(am_log_level at_least) {
    am_set_logger(log_line, NULL, at_least);
}
