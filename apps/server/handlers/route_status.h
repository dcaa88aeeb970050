/* Routes that say how the server is: /health, /models, /status. */
#ifndef AM_SERVER_HANDLERS_ROUTE_STATUS_H
#define AM_SERVER_HANDLERS_ROUTE_STATUS_H

#include "server/handlers/app.h"

void handle_health(void *context, http_request *request);
void handle_models(void *context, http_request *request);
void handle_status(void *context, http_request *request);

#endif
