/* Counters of requests: see metrics.h. */
#include "server/handlers/metrics.h"

#include <stdatomic.h>
#include <string.h>

#include "common/heap.h"
#include "common/report.h"

/* A row for each route and one for what matched none. */
static const int statuses[] = {200, 202, 204, 206, 304, 400, 401, 403, 404, 405, 408, 409, 411,
                               413, 415, 416, 429, 499, 500, 502, 503, 507, 0 /* any other */};
/* Seconds; the last bucket is +Inf. From a health check to a long recording. */
static const double bounds[] = {0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
                                30,    60,    120,   300, 600,  1800};
#define N_STATUSES (sizeof statuses / sizeof statuses[0])
#define N_BOUNDS (sizeof bounds / sizeof bounds[0])

typedef struct row {
    atomic_ullong n_by_status[N_STATUSES];
    atomic_ullong n_by_bucket[N_BOUNDS + 1];
    atomic_ullong microseconds;
} row;

struct metrics {
    const http_route *table;
    size_t n;
    atomic_ullong n_received;
    row rows[];
};

am_status metrics_new(const http_route *table, size_t n, metrics **made, am_error *error) {
    metrics *fresh = heap_new(sizeof *fresh + (n + 1) * sizeof(row));
    if (fresh == NULL) return report_fail(error, AM_E_MEMORY, "the metrics");
    fresh->table = table;
    fresh->n = n;
    *made = fresh;
    return AM_OK;
}

void metrics_free(metrics **old) {
    heap_free(*old);
    *old = NULL;
}

static void add(atomic_ullong *counter, unsigned long long n) {
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static unsigned long long value_of(const atomic_ullong *counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void metrics_count(metrics *m, const http_route *route, int status, double seconds,
                   uint64_t n_received) {
    row *r = &m->rows[route != NULL ? (size_t)(route - m->table) : m->n];
    size_t i = 0;
    size_t bucket = 0;
    while (i + 1 < N_STATUSES && statuses[i] != status) i++;
    while (bucket < N_BOUNDS && seconds > bounds[bucket]) bucket++;
    add(&r->n_by_status[i], 1);
    add(&r->n_by_bucket[bucket], 1);
    add(&r->microseconds, (unsigned long long)(seconds > 0 ? seconds * 1e6 : 0));
    add(&m->n_received, n_received);
}

void metrics_head(text *out, const char *name, const char *type, const char *help) {
    text_print(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void metrics_label(text *out, const char *value) {
    for (const char *at = value; *at != '\0'; at++) {
        if (*at == '\n') {
            text_add_string(out, "\\n");
        } else {
            if (*at == '"' || *at == '\\') text_add(out, "\\", 1);
            text_add(out, at, 1);
        }
    }
}

static void add_route(text *out, const metrics *m, size_t i) {
    text_add_string(out, "method=\"");
    metrics_label(out, i < m->n ? m->table[i].method : "");
    text_add_string(out, "\",route=\"");
    metrics_label(out, i < m->n ? m->table[i].path : "");
    text_add_string(out, "\"");
}

static void write_requests(const metrics *m, text *out) {
    metrics_head(out, "amanuensis_http_requests_total", "counter",
                 "Requests answered, by route and status; empty labels: no such route.");
    for (size_t i = 0; i <= m->n; i++) {
        for (size_t j = 0; j < N_STATUSES; j++) {
            const unsigned long long n = value_of(&m->rows[i].n_by_status[j]);
            if (n == 0) continue;
            text_add_string(out, "amanuensis_http_requests_total{");
            add_route(out, m, i);
            if (statuses[j] != 0) text_print(out, ",status=\"%d\"} %llu\n", statuses[j], n);
            else text_print(out, ",status=\"other\"} %llu\n", n);
        }
    }
}

static void write_durations(const metrics *m, text *out) {
    static const char name[] = "amanuensis_http_request_duration_seconds";
    metrics_head(out, name, "histogram", "From the headers of a request to the end of its reply.");
    for (size_t i = 0; i <= m->n; i++) {
        const row *r = &m->rows[i];
        unsigned long long n = 0;
        for (size_t j = 0; j <= N_BOUNDS; j++) n += value_of(&r->n_by_bucket[j]);
        if (n == 0) continue;
        n = 0;
        for (size_t j = 0; j <= N_BOUNDS; j++) {
            n += value_of(&r->n_by_bucket[j]);
            text_print(out, "%s_bucket{", name);
            add_route(out, m, i);
            if (j < N_BOUNDS) text_print(out, ",le=\"%g\"} %llu\n", bounds[j], n);
            else text_print(out, ",le=\"+Inf\"} %llu\n", n);
        }
        text_print(out, "%s_sum{", name);
        add_route(out, m, i);
        text_print(out, "} %.6f\n%s_count{", 1e-6 * (double)value_of(&r->microseconds), name);
        add_route(out, m, i);
        text_print(out, "} %llu\n", n);
    }
}

void metrics_write(const metrics *m, text *out) {
    write_requests(m, out);
    write_durations(m, out);
    metrics_head(out, "amanuensis_http_received_bytes_total", "counter",
                 "Bytes of request bodies received.");
    text_print(out, "amanuensis_http_received_bytes_total %llu\n", value_of(&m->n_received));
}
