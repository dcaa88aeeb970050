/* The logging callback: see log.h. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

/* Set before the first engine is opened and only read afterwards (amanuensis.h says so). */
static am_log_fn *log_fn;
static void *log_user;
static am_log_level log_at_least;

void am_set_logger(am_log_fn *fn, void *user, am_log_level at_least) {
    log_fn = fn;
    log_user = user;
    log_at_least = at_least;
}

void am__log(am_log_level level, const char *format, ...) {
    if (log_fn == NULL || level < log_at_least) return;
    char line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    log_fn(log_user, level, line);
}
