/* The table of routes. Handlers live in the file of their theme. */
#include "server/app.h"
#include "server/route_metrics.h"
#include "server/route_status.h"
#include "server/route_transcribe.h"

#define UPLOAD (HTTP_FORM | HTTP_FILES)

const http_route routes[] = {
    {"GET", "/health", HTTP_OPEN | HTTP_QUIET, handle_health, "whether requests are served", NULL,
     "Health"},
    {"GET", "/models", 0, handle_models, "models that can be asked for", NULL, "Models"},
    {"GET", "/status", 0, handle_status, "machine, queue and totals", NULL, "Status"},
    {"GET", "/metrics", HTTP_QUIET, handle_metrics, "figures for Prometheus", NULL, NULL},
    {"POST", "/transcribe", UPLOAD | HTTP_JSON, handle_transcribe, "transcribe a recording",
     "TranscribeRequest", "Transcription"},
};
const size_t n_routes = sizeof routes / sizeof routes[0];
