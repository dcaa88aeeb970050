/* What all handlers share. Made by serve.c; only the flags change while requests are served. */
#ifndef AM_SERVER_HANDLERS_APP_H
#define AM_SERVER_HANDLERS_APP_H

#include <stdatomic.h>

#include "server/http/http.h"
#include "server/jobs/jobs.h"
#include "server/engine/service.h"

typedef struct app {
    const options *opts;
    service *service;
    jobs *jobs;
    http_server *http;
    struct admission *admission;
    struct metrics *metrics;
    const char *data_dir, *spool_dir;
    double started;          /* clock_now */
    atomic_bool loading;     /* the first model is not there yet */
    atomic_bool load_failed; /* and will not come */
} app;

extern const http_route routes[];
extern const size_t n_routes;

#endif
