/* Log lines: see server_log.h. */
#include "server/base/server_log.h"

#include <stdarg.h>
#include <stdio.h>

#include "server/base/wall_clock.h"

static am_log_level least = AM_LOG_INFO; /* set before threads are */

void log_set_level(am_log_level at_least) {
    least = at_least;
}

/* One write for a line, so that threads do not mix theirs; control characters become '?'. */
void log_line(am_log_level level, const char *format, ...) {
    static const char *const names[] = {"debug", "info", "warning", "error"};
    char stamp[32];
    char line[1500];
    va_list args;
    if (level < least) return;
    clock_stamp(clock_wall(), stamp);
    const int n = snprintf(line, sizeof line, "%s %s ", stamp, names[level]);
    va_start(args, format);
    vsnprintf(line + n, sizeof line - (size_t)n, format, args);
    va_end(args);
    for (char *at = line; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7f) *at = '?';
    }
    fprintf(stderr, "%s\n", line);
}

void log_request(const char *id, const char *peer, const char *method, const char *path,
                 int status, double seconds) {
    log_line(status >= 500 ? AM_LOG_WARN : AM_LOG_INFO, "%s %.300s %d %.1f ms from %s id %s",
             method, path, status, 1e3 * seconds, peer, id);
}
