/* Log lines: `component: event key=value`. Dropped unless the program set a logger. */
#ifndef AM_BASE_LOG_H
#define AM_BASE_LOG_H

#include "amanuensis.h"

void am__log(am_log_level level, const char *format, ...) AM_PRINTF(2, 3);

#endif
