/* Routes of jobs: the queue, events, recordings. */
#ifndef AM_SERVER_HANDLERS_ROUTE_JOBS_H
#define AM_SERVER_HANDLERS_ROUTE_JOBS_H

#include "server/handlers/app.h"
#include "server/jobs/jobs.h"

void handle_add_jobs(void *context, http_request *request);    /* POST /jobs */
void handle_list_jobs(void *context, http_request *request);   /* GET /jobs */
void handle_job(void *context, http_request *request);         /* GET /jobs/{id} */
void handle_delete_job(void *context, http_request *request);  /* DELETE /jobs/{id} */
void handle_retry_job(void *context, http_request *request);   /* POST /jobs/{id}/retry */
void handle_job_events(void *context, http_request *request);  /* GET /jobs/{id}/events */
void handle_all_events(void *context, http_request *request);  /* GET /jobs/events */
void handle_job_audio(void *context, http_request *request);   /* GET /jobs/{id}/audio */

/* Replies with an error of the store or the queue. */
void jobs_fail(http_request *request, const am_error *error);
/* A number of the query, left as it is when absent; false when it has replied that it is none. */
bool jobs_query_int(http_request *request, const char *name, int least, int most, int *value);
/* Replies with a job. */
void jobs_reply(const app *a, http_request *request, int status, const char *id);

#endif
