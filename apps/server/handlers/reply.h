/* Replies of what was written in memory. */
#ifndef AM_SERVER_HANDLERS_REPLY_H
#define AM_SERVER_HANDLERS_REPLY_H

#include <jansson.h>

#include "server/http/http.h"
#include "server/base/text_buffer.h"

/* Takes the JSON; NULL is answered with 500. */
void reply_json(http_request *request, int status, json_t *json);
/* Takes the text; one that failed is answered with 500. */
void reply_text(http_request *request, int status, const char *type, text *out);

#endif
