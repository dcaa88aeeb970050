/* GET /openapi.json: the interface in OpenAPI 3.1, made from the tables of routes and options. */
#ifndef AM_SERVER_OPENAPI_H
#define AM_SERVER_OPENAPI_H

#include <jansson.h>

#include "server/http/http.h"

void handle_openapi(void *context, http_request *request);

/* The schemas of all bodies, by name; an object of the caller's. */
json_t *openapi_schemas(void);
/* The same notation as the schemas' (openapi_schemas.c) for parameters of a query. */
json_t *openapi_parameters(const char *members);

#endif
