/* GET /metrics: Prometheus' text format. */
#ifndef AM_SERVER_HANDLERS_ROUTE_METRICS_H
#define AM_SERVER_HANDLERS_ROUTE_METRICS_H

#include "server/handlers/app.h"

void handle_metrics(void *context, http_request *request);

#endif
