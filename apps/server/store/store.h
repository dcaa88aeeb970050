/*
 * What the server must not forget: jobs with their results, deliveries to webhooks, files taken
 * from the watched folder, API keys. One SQLite file; each function is one transaction, and what
 * it has returned AM_OK for lasts through kill -9 and a power cut. Any thread. Knows no HTTP and
 * no JSON: results are texts here.
 *
 * Errors of all: E_NO_SPACE (disk full), E_SYSTEM (locked by another process for seconds), E_IO
 * (damaged, unreadable), E_MEMORY. Nothing is changed then.
 */
#ifndef AM_SERVER_STORE_STORE_H
#define AM_SERVER_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "amanuensis.h"

typedef struct store store;

AM_CHECK_RESULT am_status store_open(const char *path, store **made, am_error *error);
void store_close(store **old);

/* ---- Jobs ---------------------------------------------------------------------------------- */

#define STORE_ID_BYTES 40

typedef enum job_status {
    JOB_QUEUED,
    JOB_RUNNING,
    JOB_DONE,
    JOB_FAILED,
    JOB_CANCELLED,
} job_status;

/* Strings are of heap.h; job_clear frees them. Times in seconds since 1970, NAN = not yet. */
typedef struct job {
    int64_t number; /* in order of arrival */
    char id[STORE_ID_BYTES];
    job_status status;
    int run;        /* counts starts: only the latest may store its outcome */
    int n_interrupted; /* runs that ended with the server */
    char *name;     /* of the recording */
    char *model;    /* asked for; once done, the one it was */
    char *language; /* asked for, or found; NULL = unknown */
    char *task;
    char *fields;   /* JSON: what the client set */
    char *webhook;  /* URL or NULL */
    char *error;    /* JSON or NULL */
    uint64_t n_bytes;
    double created, started, finished;
    double duration; /* seconds of audio, NAN = unknown */
    bool edited;
    int position;   /* of those queued, from 1; 0 = not queued */
    char *snippet;  /* of a search */
} job;

void job_clear(job *j);
void jobs_free(job *list, size_t n);
const char *job_status_name(job_status status);
bool job_status_by_name(const char *name, job_status *status);
bool job_is_over(job_status status);

/* A file of the watched folder that a job is made of. */
typedef struct watched_file {
    const char *path;
    int64_t modified_ns;
    uint64_t n_bytes;
} watched_file;

/* Adds them all, or none; sets their numbers. `from` (may be NULL) is remembered with them. */
AM_CHECK_RESULT am_status store_add_jobs(store *s, job *list, size_t n, const watched_file *from,
                                         am_error *error);
AM_CHECK_RESULT am_status store_has_watched(store *s, const watched_file *file, bool *has,
                                            am_error *error);
/* E_NOT_FOUND: no such job. */
AM_CHECK_RESULT am_status store_find_job(store *s, const char *id, job *found, am_error *error);

typedef struct job_query {
    int status;       /* job_status, or -1 for all */
    const char *words; /* to be searched for, as people type them; NULL = all */
    int limit, offset;
} job_query;
/* Newest first. */
AM_CHECK_RESULT am_status store_list_jobs(store *s, const job_query *query, job **list, size_t *n,
                                          size_t *n_total, am_error *error);

/* The next of the queue becomes running. *found false: there is none. */
AM_CHECK_RESULT am_status store_take_job(store *s, double now, job *next, bool *found,
                                         am_error *error);
/* Back to its place in the queue, unless it is over meanwhile. */
AM_CHECK_RESULT am_status store_release_job(store *s, const job *j, am_error *error);
/* At start: what was running when the server died waits again, in its old place. */
AM_CHECK_RESULT am_status store_release_all(store *s, int *n, am_error *error);

/*
 * The end of a run: status (done, failed), model, language, duration, finished and error of `j`,
 * `result` and its plain `text` when done, and `webhook_body` to be delivered if the job has a
 * webhook. *stored false: this run was cancelled or taken over, and nothing of it is kept.
 */
AM_CHECK_RESULT am_status store_finish_job(store *s, const job *j, const char *result,
                                           const char *text, const char *webhook_body,
                                           bool *stored, am_error *error);
/* *changed false: it is over already. */
AM_CHECK_RESULT am_status store_cancel_job(store *s, const job *j, double now,
                                           const char *webhook_body, bool *changed,
                                           am_error *error);
/* A failed or cancelled job waits again. *changed false: it is in another state. */
AM_CHECK_RESULT am_status store_retry_job(store *s, const char *id, bool *changed,
                                          am_error *error);
/* Only what is over; *changed false: it is not. */
AM_CHECK_RESULT am_status store_remove_job(store *s, const char *id, bool *changed,
                                           am_error *error);
/* Up to `capacity` ids of jobs that were over before `before`. */
AM_CHECK_RESULT am_status store_expired_jobs(store *s, double before, char (*ids)[STORE_ID_BYTES],
                                             size_t capacity, size_t *n, am_error *error);

typedef struct store_counts {
    int64_t n_queued, n_running, n_done, n_failed, n_cancelled;
    double queued_s; /* audio waiting, as far as known */
} store_counts;
AM_CHECK_RESULT am_status store_count_jobs(store *s, store_counts *counts, am_error *error);

/* ---- Results ------------------------------------------------------------------------------- */

/* The edited one, or else (or with `original`) the first. E_NOT_FOUND. *result: heap.h. */
AM_CHECK_RESULT am_status store_get_result(store *s, const char *id, bool original, char **result,
                                           am_error *error);
/* NULL takes the edit back. E_NOT_FOUND. `text` is what is searched from now on. */
AM_CHECK_RESULT am_status store_edit_result(store *s, const char *id, const char *edited,
                                            const char *text, am_error *error);

/* Maxima of the recording, as bytes; *n 0: not yet made. *peaks: heap.h. */
AM_CHECK_RESULT am_status store_get_peaks(store *s, const char *id, unsigned char **peaks,
                                          size_t *n, double *duration, am_error *error);
AM_CHECK_RESULT am_status store_set_peaks(store *s, const char *id, const unsigned char *peaks,
                                          size_t n, double duration, am_error *error);

/* ---- Deliveries to webhooks ---------------------------------------------------------------- */

typedef struct delivery {
    int64_t number;
    int n_tries; /* with this one */
    char *job, *url, *body;
} delivery;
void delivery_clear(delivery *d);

/* The one that is due for longest, put off by `lease_s` in case whoever takes it dies. *next_s:
 * when none is due, seconds until one is, or -1. */
AM_CHECK_RESULT am_status store_take_delivery(store *s, double now, double lease_s, delivery *due,
                                              bool *found, double *next_s, am_error *error);
AM_CHECK_RESULT am_status store_put_off_delivery(store *s, int64_t number, double until,
                                                 am_error *error);
AM_CHECK_RESULT am_status store_drop_delivery(store *s, int64_t number, am_error *error);

/* ---- API keys: only their digests are kept ------------------------------------------------- */

typedef struct api_key {
    char id[STORE_ID_BYTES];
    char name[128];
    char digest[65]; /* SHA-256 of the key, in hexadecimal */
    double created, used; /* used: NAN = never */
} api_key;

AM_CHECK_RESULT am_status store_add_key(store *s, const api_key *key, am_error *error);
/* E_NOT_FOUND; otherwise it counts as used now. */
AM_CHECK_RESULT am_status store_use_key(store *s, const char *digest, double now, api_key *found,
                                        am_error *error);
AM_CHECK_RESULT am_status store_list_keys(store *s, api_key **keys, size_t *n, am_error *error);
/* By id or name; E_NOT_FOUND. */
AM_CHECK_RESULT am_status store_remove_key(store *s, const char *id_or_name, am_error *error);

#endif
