/* Routes of OpenAI's interface. */
#ifndef AM_SERVER_OPENAI_ROUTE_OPENAI_H
#define AM_SERVER_OPENAI_ROUTE_OPENAI_H

#include "server/http/http.h"

void handle_openai_transcriptions(void *context, http_request *request);
void handle_openai_translations(void *context, http_request *request);
void handle_openai_models(void *context, http_request *request); /* GET /v1/models */
void handle_openai_model(void *context, http_request *request);  /* GET /v1/models/{*} */

#endif
