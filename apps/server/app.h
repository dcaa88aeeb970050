/* What all handlers share. Made by serve.c; nothing here is replaced while requests are served. */
#ifndef AM_SERVER_APP_H
#define AM_SERVER_APP_H

#include "server/http.h"
#include "server/jobs.h"
#include "server/service.h"

typedef struct app {
    const options *opts;
    service *service;
    jobs *jobs;
    http_server *http;
    struct admission *admission;
    struct metrics *metrics;
    const char *data_dir, *spool_dir;
    double started;          /* clock_now */
    const bool *loading;     /* the first model is not there yet */
    const char *load_error;  /* why it will not come, or NULL */
} app;

extern const http_route routes[];
extern const size_t n_routes;

#endif
