/* The web page: / and its files below /web/. */
#ifndef AM_SERVER_HANDLERS_ROUTE_PAGE_H
#define AM_SERVER_HANDLERS_ROUTE_PAGE_H

#include "server/handlers/app.h"

void handle_page(void *context, http_request *request);

#endif
