/*
 * What /metrics counts: requests by route and status, how long they took, bytes received. Counting
 * is a few atomic additions; nothing waits for a lock.
 */
#ifndef AM_SERVER_HANDLERS_METRICS_H
#define AM_SERVER_HANDLERS_METRICS_H

#include "server/http/http.h"
#include "server/base/text_buffer.h"

typedef struct metrics metrics;

AM_CHECK_RESULT am_status metrics_new(const http_route *table, size_t n, metrics **made,
                                      am_error *error);
void metrics_free(metrics **old);

/* One request is over. `route` is one of the table, or NULL. */
void metrics_count(metrics *m, const http_route *route, int status, double seconds,
                   uint64_t n_received);
/* Appends the families in Prometheus' text format 0.0.4. */
void metrics_write(const metrics *m, text *out);

/* The lines before a family's samples: "# HELP" and "# TYPE". */
void metrics_head(text *out, const char *name, const char *type, const char *help);
/* A label's value: quotes, backslashes and newlines escaped. */
void metrics_label(text *out, const char *value);

#endif
