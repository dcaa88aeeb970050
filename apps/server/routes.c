/* The table of routes. Handlers live in the file of their theme. */
#include "server/app.h"
#include "server/route_jobs.h"
#include "server/route_results.h"
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

    {"POST", "/jobs", UPLOAD, handle_add_jobs, "transcribe recordings in the background",
     "JobRequest", "JobsAccepted"},
    {"GET", "/jobs", 0, handle_list_jobs, "jobs, newest first", NULL, "Jobs"},
    {"GET", "/jobs/events", 0, handle_all_events, "events of all jobs", NULL, "Events"},
    {"GET", "/jobs/{id}", 0, handle_job, "how a job is", NULL, "Job"},
    {"DELETE", "/jobs/{id}", 0, handle_delete_job, "cancel or remove a job", NULL, "Job"},
    {"POST", "/jobs/{id}/retry", HTTP_FORM, handle_retry_job, "run a failed job again", NULL,
     "Job"},
    {"GET", "/jobs/{id}/events", 0, handle_job_events, "events of a job", NULL, "Events"},
    {"GET", "/jobs/{id}/result", 0, handle_result, "what a job has made", NULL, "Transcription"},
    {"GET", "/jobs/{id}/audio", 0, handle_job_audio, "the recording of a job", NULL, "Audio"},
};
const size_t n_routes = sizeof routes / sizeof routes[0];
