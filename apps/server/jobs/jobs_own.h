/* Inside of the jobs: shared by their files alone. */
#ifndef AM_SERVER_JOBS_JOBS_OWN_H
#define AM_SERVER_JOBS_JOBS_OWN_H

#include <pthread.h>

#include "common/heap.h"
#include "server/jobs/jobs.h"
#include "server/jobs/webhook.h"

/* A job in the hands of a worker. All but what the worker alone uses is under the lock. */
typedef struct running {
    jobs *all;
    const job *job;
    const work *work;
    double began, done_s, total_s, told;
    bool cancel;
    char **segments; /* events so far, for listeners who come later */
    size_t n_segments, capacity;
    struct running *next;
} running;

struct jobs {
    const options *opts;
    service *service;
    store *store;
    events *events;
    webhooks *webhooks; /* once jobs run */
    char audio_dir[900];
    int lock_fd;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    running *first;
    uint64_t n_wakes; /* counts what may have put a job into the queue */
    bool closed;
    pthread_t *threads;
    int n_threads;
};

/* Tells workers that there may be something to do. */
void jobs_wake(jobs *all);
/* Waits so long, or until the jobs are closed: then true. */
bool jobs_pause(jobs *all, double seconds);
/* The thread of a worker; `context` is the jobs. */
void *jobs_worker(void *context);
/* Sends the job's state to listeners, under its status or another name. */
void jobs_tell(jobs *all, const job *j, const char *name);
/* The job as JSON text of heap.h, or NULL. */
char *jobs_dump(jobs *all, const job *j);

#endif
