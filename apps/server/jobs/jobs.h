/*
 * Work in the background: a queue that survives everything, over the store. Workers take jobs in
 * order of arrival, run them through the service behind the requests of waiting clients, and keep
 * each outcome in one transaction; a job whose worker died with the server runs again. Knows no
 * HTTP.
 */
#ifndef AM_SERVER_JOBS_JOBS_H
#define AM_SERVER_JOBS_JOBS_H

#include <jansson.h>

#include "server/engine/call.h"
#include "server/jobs/events.h"
#include "server/engine/service.h"
#include "server/store/store.h"

typedef struct jobs jobs;

/* Opens data_dir/jobs.db; nothing runs before jobs_run. E_SYSTEM: another server uses it. */
AM_CHECK_RESULT am_status jobs_open(const options *opts, service *s, jobs **made, am_error *error);
AM_CHECK_RESULT am_status jobs_run(jobs *all, am_error *error);
/* No more jobs are taken; events end. What runs goes on until service_close(…, true). */
void jobs_close(jobs *all);
void jobs_free_all(jobs **old); /* waits for the workers; what was not done waits in the store */
store *jobs_store(jobs *all);

/* A recording that lies in the spool, and is moved from there. */
typedef struct new_job {
    const char *name;
    char *path;       /* on the disk of data_dir */
    uint64_t n_bytes;
    double duration;  /* NAN = unknown */
} new_job;

/* Keeps recordings and jobs for good, or nothing; ids are written to `list`. */
AM_CHECK_RESULT am_status jobs_add(jobs *all, const new_job *news, size_t n, const call *c,
                                   const watched_file *from, job **list, am_error *error);

/* The job as clients see it: what is stored, and how far it is. NULL without memory. */
json_t *jobs_json(jobs *all, const job *j);

/* Cancels, or removes what is over (*removed). E_NOT_FOUND. */
AM_CHECK_RESULT am_status jobs_delete(jobs *all, const char *id, bool *removed, am_error *error);
/* E_NOT_FOUND; *changed false: it is neither failed nor cancelled. */
AM_CHECK_RESULT am_status jobs_retry(jobs *all, const char *id, bool *changed, am_error *error);
/* Tells listeners that the job's transcript was edited. */
void jobs_tell_edited(jobs *all, const char *id);

/* A stream of one job's events, which begins with what was before; of all jobs with NULL. */
AM_CHECK_RESULT am_status jobs_listen(jobs *all, const char *id, listener **made, am_error *error);

/* Where the job's recording lies. */
void jobs_audio_path(const jobs *all, const char *id, char *path, size_t size);

#endif
