/* Routes that transcribe while the client waits: shared steps. */
#ifndef AM_SERVER_HANDLERS_ROUTE_TRANSCRIBE_H
#define AM_SERVER_HANDLERS_ROUTE_TRANSCRIBE_H

#include "server/handlers/app.h"
#include "server/answers/body.h"

/* The request's fields as a call; false when it has replied with what is wrong. */
bool transcribe_read(const app *a, http_request *request, call *c);
/* The same for another server's fields: `rename` puts ours in their place, or false drops one. */
typedef bool transcribe_field_fn(const char **name, const char **value);
bool transcribe_read_as(const app *a, http_request *request, call *c,
                        transcribe_field_fn *rename);
/* The uploaded recording, or NULL when it has replied that there is none. */
http_file *transcribe_file(http_request *request);
/* Runs it; NULL when it has replied, or the client is gone. */
am_result *transcribe_run(const app *a, http_request *request, const call *c, work *w);
/* Replies with an error whose detail may begin with the name of a field. */
void transcribe_fail_field(http_request *request, const am_error *error);
/* Replies with the error of service_run. */
void transcribe_fail(http_request *request, const am_error *error, bool busy);

void handle_transcribe(void *context, http_request *request); /* POST /transcribe */

#endif
