/*
 * The server's life: folders, models in a thread of their own so that /health answers at once,
 * HTTP; then it waits to be told to stop, and lets what is under way come to its end.
 */
#include "server/serve.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "common/heap.h"
#include "common/report.h"
#include "server/handlers/admission.h"
#include "server/handlers/app.h"
#include "server/handlers/metrics.h"
#include "server/base/wall_clock.h"
#include "server/base/server_log.h"
#include "server/base/socket.h"
#include "server/store/spool.h"
#include "server/jobs/watch.h"

#define PEM_MAX ((size_t)1 << 20)
#define TICK_NANOSECONDS 200000000L
#define EXPIRE_TICKS 25
#define CANCEL_S 5.0 /* for what is cancelled to stop */

typedef struct life {
    app app;
    char spool_dir[1024];
    char *tls_cert, *tls_key;
    pthread_t loader;
    watch *watch;
    bool has_loader;
} life;

/* Loads the models that are to be there from the start. */
static void *load_models(void *context) {
    life *l = context;
    models *list = service_models(l->app.service);
    const char *at = l->app.opts->preload;
    model *chosen = NULL;
    am_error error;
    am_status status = models_acquire(list, "", &chosen, &error);
    if (status == AM_OK) {
        status = am_engine_check(model_engine(chosen), &l->app.opts->params, &error);
        models_release(list, chosen);
    }
    while (status == AM_OK && at != NULL && *at != '\0') {
        char name[256];
        const size_t n = strcspn(at, ",");
        snprintf(name, sizeof name, "%.*s", (int)n, at);
        const char *slash = strrchr(name, '/');
        status = models_acquire(list, slash != NULL ? slash + 1 : name, &chosen, &error);
        if (status == AM_OK) models_release(list, chosen);
        at += n + (at[n] == ',' ? 1 : 0);
    }
    if (status == AM_OK) status = jobs_run(l->app.jobs, &error);
    if (status != AM_OK) {
        log_line(AM_LOG_ERROR, "%s: %s", am_status_message(error.status), error.detail);
        atomic_store(&l->app.load_failed, true);
    }
    atomic_store(&l->app.loading, false);
    return NULL;
}

static void done(void *context, const http_request *request, int status, double seconds) {
    const app *a = context;
    const http_route *route = http_matched(request);
    metrics_count(a->metrics, route, status, seconds, http_n_received(request));
    if (route != NULL && (route->flags & HTTP_QUIET) != 0 && status < 400) return;
    log_request(http_id(request), http_peer(request), http_method(request), http_path(request),
                status, seconds);
}

static am_status start_http(life *l, am_error *error) {
    const options *opts = l->app.opts;
    size_t n = 0;
    if ((opts->tls_cert != NULL) != (opts->tls_key != NULL)) {
        return report_fail(error, AM_E_ARG, "--tls_cert and --tls_key: only together");
    }
    if (opts->tls_cert != NULL) {
        REPORT_TRY(spool_read(opts->tls_cert, PEM_MAX, &l->tls_cert, &n, error));
        REPORT_TRY(spool_read(opts->tls_key, PEM_MAX, &l->tls_key, &n, error));
    }
    const http_options http = {
        .host = opts->host,
        .port = opts->port,
        .tls_cert = l->tls_cert,
        .tls_key = l->tls_key,
        .n_connections_max = opts->max_connections,
        .n_uploads_max = opts->max_uploads,
        .upload_bytes_max = (uint64_t)(opts->max_upload_mb * 1e6),
        .body_bytes_max = (uint64_t)64 << 20,
        .n_fields_max = 256,
        .idle_s = opts->client_timeout_s,
        .header_s = opts->client_timeout_s,
        .spool_dir = l->spool_dir,
        .routes = routes,
        .n_routes = n_routes,
        .app = &l->app,
        .admit = admission_check,
        .done = done,
    };
    return http_start(&http, &l->app.http, error);
}

static am_status start(life *l, am_error *error) {
    const options *opts = l->app.opts;
    snprintf(l->spool_dir, sizeof l->spool_dir, "%s/spool", opts->data_dir);
    l->app.data_dir = opts->data_dir;
    l->app.spool_dir = l->spool_dir;
    l->app.started = clock_now();
    atomic_store(&l->app.loading, true);
    REPORT_TRY(spool_make_folder(l->spool_dir, error));
    spool_clean(l->spool_dir);
    REPORT_TRY(service_new(opts, &l->app.service, error));
    REPORT_TRY(jobs_open(opts, l->app.service, &l->app.jobs, error));
    REPORT_TRY(admission_new(opts, jobs_store(l->app.jobs), &l->app.admission, error));
    REPORT_TRY(metrics_new(routes, n_routes, &l->app.metrics, error));
    REPORT_TRY(start_http(l, error));
    if (opts->watch != NULL) {
        REPORT_TRY(watch_start(opts, l->app.jobs, l->spool_dir, &l->watch, error));
    }
    l->has_loader = pthread_create(&l->loader, NULL, load_models, l) == 0;
    return l->has_loader ? AM_OK : report_fail(error, AM_E_SYSTEM, "no thread");
}

static void pause_a_tick(void) {
    const struct timespec tick = {0, TICK_NANOSECONDS};
    nanosleep(&tick, NULL);
}

/* Until no request is under way, at most so long; whether one was. */
static bool wait_until_idle(const life *l, double seconds) {
    const double until = clock_now() + seconds;
    bool busy = false;
    for (;;) {
        const service_stats stats = service_get_stats(l->app.service);
        if (stats.n_active + stats.n_waiting + http_n_requests(l->app.http) == 0) return busy;
        busy = true;
        if (clock_now() >= until) return busy;
        pause_a_tick();
    }
}

/* Waits for what is under way, at most so long; then it is cancelled, and its clients told. */
static void drain(life *l) {
    watch_stop(&l->watch);
    service_close(l->app.service, false);
    jobs_close(l->app.jobs);
    http_stop_listening(l->app.http);
    (void)wait_until_idle(l, l->app.opts->drain_s);
    service_close(l->app.service, true);
    (void)wait_until_idle(l, CANCEL_S);
}

static void announce(const life *l) {
    const options *opts = l->app.opts;
    const char *scheme = opts->tls_cert != NULL ? "https" : "http";
    const bool here = socket_is_loopback(opts->host);
    const char *host = here || strcmp(opts->host, "0.0.0.0") == 0 ? "localhost" : opts->host;
    const int port = http_port(l->app.http);
    printf("%s://%s:%d\n", scheme, host, port);
    printf("curl -F file=@talk.mp3 %s://%s:%d/transcribe\n", scheme, host, port);
    fflush(stdout);
}

int serve(const options *opts, bool (*stop)(void *), void *context) {
    heap_settle();
    life *l = heap_new(sizeof *l);
    am_error error;
    if (l == NULL) {
        (void)report_fail(&error, AM_E_MEMORY, "the server");
        return report_error(NULL, &error);
    }
    l->app.opts = opts;
    int code = 0;
    if (start(l, &error) == AM_OK) {
        announce(l);
        for (unsigned tick = 0; !stop(context) && !atomic_load(&l->app.load_failed); tick++) {
            pause_a_tick();
            if (tick % EXPIRE_TICKS == 0) models_expire(service_models(l->app.service));
        }
        if (atomic_load(&l->app.load_failed)) code = am_status_exit(AM_E_MODEL);
        drain(l);
    } else {
        code = report_error(NULL, &error);
    }
    if (l->has_loader) pthread_join(l->loader, NULL);
    watch_stop(&l->watch);
    http_stop(&l->app.http);
    metrics_free(&l->app.metrics);
    admission_free(&l->app.admission);
    jobs_free_all(&l->app.jobs);
    service_free(&l->app.service);
    heap_free(l->tls_cert);
    heap_free(l->tls_key);
    heap_free(l);
    return code;
}
