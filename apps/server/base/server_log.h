/* The server's log: one line per event on standard error, with the time. Never a secret in it. */
#ifndef AM_SERVER_BASE_SERVER_LOG_H
#define AM_SERVER_BASE_SERVER_LOG_H

#include "amanuensis.h"

void log_set_level(am_log_level at_least);
void log_line(am_log_level level, const char *format, ...) AM_PRINTF(2, 3);
void log_request(const char *id, const char *peer, const char *method, const char *path,
                 int status, double seconds);

#endif
