/*
 * The watched folder: recordings that are put there become jobs, once each. A file is taken when it
 * has stood still for a moment; which ones were taken is remembered in the store, by path, time and
 * size, so that a changed file is taken again and an old one is not. Files stay where they are.
 */
#ifndef AM_SERVER_JOBS_WATCH_H
#define AM_SERVER_JOBS_WATCH_H

#include "server/jobs/jobs.h"

typedef struct watch watch;

/* Watches opts->watch. E_NOT_FOUND, E_IO: there is no such folder. */
AM_CHECK_RESULT am_status watch_start(const options *opts, jobs *all, const char *spool_dir,
                                      watch **made, am_error *error);
void watch_stop(watch **old);

#endif
