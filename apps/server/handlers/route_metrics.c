/* The figures of /metrics, from all who know one: see route_metrics.h. */
#include "server/handlers/route_metrics.h"

#include "server/answers/body.h"
#include "server/handlers/metrics.h"
#include "server/base/process_stats.h"
#include "server/base/wall_clock.h"

static void one(text *out, const char *name, const char *type, const char *help, double value) {
    metrics_head(out, name, type, help);
    text_print(out, "%s %.15g\n", name, value);
}

static void write_build(text *out) {
    metrics_head(out, "amanuensis_build_info", "gauge", "The version, as a label.");
    text_add_string(out, "amanuensis_build_info{version=\"");
    metrics_label(out, am_version());
    text_add_string(out, "\"} 1\n");
}

static void write_queue(const app *a, text *out) {
    const service_stats stats = service_get_stats(a->service);
    const struct {
        const char *outcome;
        uint64_t n;
    } outcomes[] = {{"done", stats.n_done}, {"failed", stats.n_failed},
                    {"cancelled", stats.n_cancelled}, {"refused", stats.n_refused}};
    one(out, "amanuensis_queue_active", "gauge", "Recordings being transcribed.", stats.n_active);
    one(out, "amanuensis_queue_waiting", "gauge", "Requests waiting for their turn.",
        stats.n_waiting);
    one(out, "amanuensis_queue_waiting_limit", "gauge", "Requests that may wait; more are refused.",
        a->opts->max_queue);
    metrics_head(out, "amanuensis_transcriptions_total", "counter",
                 "Recordings by how they ended; refused: the queue was full.");
    for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++) {
        text_print(out, "amanuensis_transcriptions_total{outcome=\"%s\"} %llu\n",
                   outcomes[i].outcome, (unsigned long long)outcomes[i].n);
    }
    one(out, "amanuensis_audio_seconds_total", "counter", "Seconds of audio transcribed.",
        stats.audio_s);
    one(out, "amanuensis_processing_seconds_total", "counter",
        "Seconds that transcribing it took.", stats.processing_s);
}

/* Left out when the store does not answer: the rest is worth most when something is wrong. */
static void write_jobs(const app *a, text *out) {
    am_error error;
    store_counts counts;
    if (store_count_jobs(jobs_store(a->jobs), &counts, &error) != AM_OK) return;
    const struct {
        const char *status;
        int64_t n;
    } states[] = {{"queued", counts.n_queued}, {"running", counts.n_running},
                  {"done", counts.n_done}, {"failed", counts.n_failed},
                  {"cancelled", counts.n_cancelled}};
    metrics_head(out, "amanuensis_jobs", "gauge", "Jobs in the store by status.");
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        text_print(out, "amanuensis_jobs{status=\"%s\"} %lld\n", states[i].status,
                   (long long)states[i].n);
    }
    one(out, "amanuensis_jobs_queued_audio_seconds", "gauge",
        "Seconds of audio of the queued jobs, of those whose length is known.", counts.queued_s);
}

static void write_models(const app *a, text *out) {
    am_error error;
    model_state *states = NULL;
    size_t n = 0;
    int n_loaded = 0;
    if (models_states(service_models(a->service), &states, &n, &error) != AM_OK) return;
    metrics_head(out, "amanuensis_model_bytes", "gauge", "Weights in memory of a loaded model.");
    for (size_t i = 0; i < n; i++) {
        if (!states[i].loaded) continue;
        n_loaded++;
        text_add_string(out, "amanuensis_model_bytes{model=\"");
        metrics_label(out, states[i].id);
        text_print(out, "\"} %llu\n", (unsigned long long)states[i].n_bytes);
    }
    heap_free(states);
    one(out, "amanuensis_models_loaded", "gauge", "Models in memory.", n_loaded);
}

static void write_process(const app *a, text *out) {
    const process_stats now = process_stats_now();
    const double up = clock_now() - a->started;
    one(out, "amanuensis_uptime_seconds", "gauge", "Since the server was started.", up);
    one(out, "amanuensis_http_connections", "gauge", "Open connections.",
        http_n_connections(a->http));
    one(out, "amanuensis_http_requests_in_progress", "gauge", "Requests not yet answered.",
        http_n_requests(a->http));
    one(out, "amanuensis_threads", "gauge", "Threads of the process.", now.n_threads);
    /* These have the same names in all of Prometheus' own client libraries. */
    one(out, "process_resident_memory_bytes", "gauge", "Resident memory.",
        (double)now.resident_bytes);
    one(out, "process_cpu_seconds_total", "counter", "User and system time.", now.cpu_seconds);
    one(out, "process_open_fds", "gauge", "Open file descriptors.", now.n_files);
    one(out, "process_max_fds", "gauge", "Most file descriptors.", now.n_files_max);
    one(out, "process_start_time_seconds", "gauge", "Start, in seconds since 1970.",
        clock_wall() - up);
}

void handle_metrics(void *context, http_request *request) {
    const app *a = context;
    text out;
    text_init(&out, BODY_BYTES_MAX);
    write_build(&out);
    metrics_write(a->metrics, &out);
    write_queue(a, &out);
    write_jobs(a, &out);
    write_models(a, &out);
    write_process(a, &out);
    size_t n = 0;
    char *bytes = text_take(&out, &n);
    http_reply(request, 200, "text/plain; version=0.0.4; charset=utf-8", bytes, n);
}
